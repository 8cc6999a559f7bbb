"""What the people of the demo's small town own, say and do: the material of `app.demo.seed_year`."""

from msgspec import Struct

OWNERS = (
    *("Ada", "Anton", "Bruno", "Carla", "Clara", "Dario", "Edda", "Elif", "Emil", "Fatima", "Felix", "Frida", "Greta"),
    *("Hannes", "Henri", "Ida", "Ines", "Jakob", "Jonas", "Juno", "Karl", "Lena", "Leo", "Lotte", "Malik", "Marta"),
    *("Matilda", "Mila", "Moritz", "Nele", "Noah", "Olga", "Oskar", "Paula", "Rosa", "Ruben", "Sami", "Selma", "Theo"),
    *("Tilda", "Vera", "Wanda", "Yusuf", "Zoe"),
)
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "grey", "turquoise")
TOWN = (51.3306, 12.3353)
"""Latitude and longitude of its market place."""


class Kind(Struct, frozen=True):
    """A sort of thing: its category, its picture in app/page/pictures, its names and what is said of it."""

    category: str
    picture: str
    names: tuple[str, ...]
    sentences: tuple[str, ...]


KINDS = (
    Kind(
        "bicycles",
        "bicycle",
        ("{Colour} city bicycle", "Child's bicycle, 20 inch", "Folding bicycle", "Old {colour} touring bicycle"),
        ("Seven gears, a bell that can be heard.", "The brakes were done in spring.", "Rides well, looks its age."),
    ),
    Kind(
        "bicycles",
        "scooter",
        ("{Colour} scooter", "Kick scooter with big wheels"),
        ("For children from six on.", "One grip is new.", "It folds for the tram."),
    ),
    Kind(
        "garden",
        "spade",
        ("Garden spade", "Spade with an ash handle", "Digging fork"),
        ("Sharp, hardly used.", "The handle was oiled last winter.", "Good for heavy soil."),
    ),
    Kind(
        "garden",
        "can",
        ("{Colour} watering can", "Zinc watering can, 9 litres"),
        ("It does not leak.", "With its rose.", "A little dent at the foot."),
    ),
    Kind(
        "garden",
        "plant",
        ("Tomato seedlings", "Monstera, one metre", "Raspberry canes", "Aloe in a {colour} pot"),
        ("Grown on our balcony.", "Wants light and little water.", "Comes with its pot."),
    ),
    Kind(
        "kitchen",
        "teapot",
        ("{Colour} teapot", "Teapot and four cups", "Samovar"),
        ("Holds a litre.", "The lid has a hair crack that does no harm.", "From my aunt."),
    ),
    Kind(
        "kitchen",
        "pot",
        ("{Colour} enamel pot", "Cast iron casserole", "Stock pot, 12 litres"),
        ("Works on induction.", "Scrubbed, no burns.", "With lid."),
    ),
    Kind(
        "books",
        "book",
        ("Six crime novels", "Bread baking, a handbook", "Picture books for three-year-olds", "Poems in two languages"),
        ("Read once.", "Some notes in pencil.", "No dog-ears."),
    ),
    Kind(
        "books",
        "globe",
        ("Globe with a light", "School atlas and globe"),
        ("Shows the world of 1988.", "The lamp is new.", "Turns without a squeak."),
    ),
    Kind(
        "toys",
        "train",
        ("Wooden train with {colour} waggons", "Train set, 42 parts"),
        ("All rails are there.", "Two magnets are weak.", "Our children have outgrown it."),
    ),
    Kind(
        "toys",
        "blocks",
        ("Building blocks", "A box of {colour} blocks"),
        ("About two hundred of them.", "Washed.", "In a linen bag."),
    ),
    Kind(
        "toys",
        "kite",
        ("{Colour} kite", "Stunt kite"),
        ("Flies from a light wind on.", "Fifty metres of line.", "Mended once, and well."),
    ),
    Kind(
        "furniture",
        "chair",
        ("Kitchen chair, {colour}", "Two oak chairs", "Folding chair"),
        ("Stands firm.", "The seat was caned anew.", "A scratch on the back."),
    ),
    Kind(
        "furniture",
        "lamp",
        ("{Colour} desk lamp", "Floor lamp", "Paper lamp shade"),
        ("With a bulb.", "The switch is on the cord.", "Gives a warm light."),
    ),
    Kind(
        "furniture",
        "shelf",
        ("Book shelf, pine", "Small {colour} shelf"),
        ("80 cm wide.", "Comes apart for carrying.", "Screws are in the bag."),
    ),
    Kind(
        "clothing",
        "jacket",
        ("{Colour} rain jacket", "Winter jacket, size 128", "Wool cardigan"),
        ("Worn one season.", "The zip runs well.", "Still keeps the rain out."),
    ),
    Kind(
        "clothing",
        "boots",
        ("{Colour} rubber boots", "Hiking boots, size 41"),
        ("Too small for us now.", "New laces.", "No cracks."),
    ),
    Kind(
        "music",
        "guitar",
        ("Concert guitar", "Ukulele, {colour}", "Travel guitar"),
        ("New strings.", "With a bag.", "A beginner's, but in tune."),
    ),
    Kind(
        "music",
        "radio",
        ("{Colour} kitchen radio", "Valve radio", "Record player"),
        ("Plays since 1962.", "Takes batteries too.", "The dial glows."),
    ),
    Kind(
        "tools",
        "hammer",
        ("Hammer and pliers", "Claw hammer", "A box of tools"),
        ("Solid.", "Inherited from a carpenter.", "Rust was brushed off."),
    ),
    Kind(
        "sports",
        "skates",
        ("Roller skates, size 38", "{Colour} skates"),
        ("The wheels run straight.", "With knee pads.", "Two winters old."),
    ),
    Kind(
        "sports",
        "tent",
        ("Tent for two", "{Colour} tent for four"),
        ("Dry in a storm.", "All pegs are there.", "One pole is splinted."),
    ),
)

ADDITIONS = (
    *("Now with a spare part.", "Cleaned and oiled.", "Can be fetched after six.", "I can bring it to the market."),
    *("Price of a cake.", "Happy to swap for something green.", "A friend repaired it.", "Also lent for a weekend."),
)
NAME_ENDINGS = (", as good as new", " (with extras)", ", repaired", " from the attic")
SWAPS = ("for “{}”", "for “{}”, at the market", "for “{}”, with thanks", "for “{}” and a jar of jam")
FALLEN_THROUGH = ("the swap fell through", "it came back", "they never came for it")
WITHDRAWN = ("it broke", "we keep it after all", "lost in the move", "given to a neighbour", "entered twice")
