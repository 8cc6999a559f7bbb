"""Who acts, and what is theirs."""

from msgspec import Struct

from app.errors import Forbidden


class NotYours(Forbidden):
    """This belongs to somebody else"""


class Actor(Struct, frozen=True):
    """Somebody who sends commands."""

    subject: str
    """What the log calls them: `user_id` of their events, and `owner_id` of what is theirs."""
    is_admin: bool = False

    def require_owner(self, owner_id: str) -> None:
        """Raises NotYours unless they are its owner, or an admin."""
        if not self.is_admin and self.subject != owner_id:
            raise NotYours(f"This belongs to {owner_id}; you are {self.subject}.")

    def require_admin(self) -> None:
        """Raises Forbidden unless they are an admin."""
        if not self.is_admin:
            raise Forbidden("This is for admins.")
