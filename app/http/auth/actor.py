"""The user that sends a request, and the checks of what the user may do."""

from msgspec import Struct

from app.errors import Forbidden


class NotYours(Forbidden):
    """This belongs to somebody else"""


class Actor(Struct, frozen=True):
    """A user that sends requests."""

    subject: str
    """The user's id: `user_id` of the user's events, `owner_id` of the user's items."""
    is_admin: bool = False

    def require_owner(self, owner_id: str) -> None:
        """Raises NotYours unless the actor is this owner or an admin."""
        if not self.is_admin and self.subject != owner_id:
            raise NotYours(f"This belongs to {owner_id}; you are {self.subject}.")

    def require_admin(self) -> None:
        """Raises Forbidden unless the actor is an admin."""
        if not self.is_admin:
            raise Forbidden("This is for admins.")
