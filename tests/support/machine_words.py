"""The values that the state machines draw: few enough that items share them, and words that no stemmer changes."""

from hypothesis import strategies as st

WORDS = ("Spade", "rake", "HOE", "50%", "kum-zod", "brigz", "mokru", "pukbr", "Drumk", "nubzu", "krobz", "zubmo")
"""No fragment of two characters or more is a stop word or the stem of another word, so a search is for substrings."""
LATITUDES = (0, 52.52, 52.53, -33.9)
LONGITUDES = (0, 13.4, 179.95, -179.9)
RADII_KM = (3.0, 1500.0, 6000.0, 14000.0)
"""No place lies at such a distance from another one."""
STATUSES = ("active", "archived", "swapped")
CATEGORIES = ("tools", "toys", "books")
OWNERS = ("ann", "bob", "zoe")
URLS = (["1.jpg"], ["1.jpg", "2.jpg"], ["3.jpg"])

phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True).map(" ".join)
statuses = st.sampled_from(STATUSES)
new_values = {
    "name": phrases,
    "description": phrases,
    "category": st.sampled_from(CATEGORIES),
    "image_urls": st.sampled_from(URLS),
    "location_lat": st.sampled_from(LATITUDES),
    "location_lon": st.sampled_from(LONGITUDES),
    "status": statuses,
}
"""The fields that an update may change, and what they may become."""
new_items = st.fixed_dictionaries({"owner_id": st.sampled_from(OWNERS), **new_values})
some_fields = st.lists(st.sampled_from(tuple(new_values)), min_size=1, max_size=4, unique=True)
reasons = st.none() | st.just("why not")
