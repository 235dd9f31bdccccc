"""The word lists of plain everyday programs: nouns with their attributes, and sample values for each.

Only words and the drawing of words live here; nothing in this module knows what code is made from them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """A numeric attribute: its range, and the words for the most and the least of it."""

    name: str
    low: float
    high: float
    most: str
    least: str
    decimals: int = 0

    @property
    def type(self) -> str:
        return "float" if self.decimals else "int"

    @property
    def additive(self) -> bool:
        """Whether a sum means something: nobody adds up years or temperatures."""
        return self.name not in ("age", "rating", "year", "temperature", "height", "speed", "level")

    def draw(self, rng: random.Random) -> str:
        """Return a literal in the attribute's range."""
        if self.decimals:
            return str(round(rng.uniform(self.low, self.high), self.decimals))
        step = 1 if self.high < 300 else 10 if self.high < 10_000 and self.low < 1000 else 1
        return str(rng.randrange(int(self.low), int(self.high), step))


@dataclass(frozen=True)
class Noun:
    """A kind of thing: what it is called, what names it, what can be measured, and what groups it."""

    singular: str
    plural: str
    label: str
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    samples: tuple[str, ...]

    @property
    def type(self) -> str:
        return self.singular.title().replace("_", "")


NUMBERS: dict[str, Number] = {
    number.name: number
    for number in (
        Number("price", 1, 200, "most_expensive", "cheapest", 2),
        Number("quantity", 1, 50, "largest", "smallest"),
        Number("age", 16, 80, "oldest", "youngest"),
        Number("score", 40, 100, "best", "worst"),
        Number("weight", 1, 90, "heaviest", "lightest", 1),
        Number("rating", 1, 5, "top_rated", "lowest_rated", 1),
        Number("year", 1960, 2025, "newest", "oldest"),
        Number("stock", 0, 120, "largest", "smallest"),
        Number("salary", 28_000, 98_000, "highest_paid", "lowest_paid"),
        Number("population", 12_000, 4_000_000, "largest", "smallest"),
        Number("duration", 2, 180, "longest", "shortest"),
        Number("distance", 1, 500, "farthest", "nearest", 1),
        Number("balance", 10, 5000, "richest", "poorest", 2),
        Number("amount", 5, 900, "largest", "smallest", 2),
        Number("total", 10, 900, "largest", "smallest", 2),
        Number("pages", 60, 900, "longest", "shortest"),
        Number("temperature", -5, 38, "warmest", "coldest", 1),
        Number("hours", 1, 60, "longest", "shortest"),
        Number("votes", 1, 900, "most_popular", "least_popular"),
        Number("points", 1, 120, "best", "worst"),
        Number("calories", 50, 900, "richest", "lightest"),
        Number("height", 1, 3, "tallest", "shortest", 2),
        Number("speed", 10, 220, "fastest", "slowest"),
        Number("size", 1, 800, "largest", "smallest"),
        Number("area", 10, 400, "largest", "smallest", 1),
        Number("capacity", 2, 250, "largest", "smallest"),
        Number("level", 1, 60, "strongest", "weakest"),
    )
}

CATEGORIES: dict[str, tuple[str, ...]] = {
    "status": ("open", "closed", "pending", "active", "done", "paid", "shipped"),
    "city": ("Paris", "Berlin", "Madrid", "Oslo", "Rome", "Lisbon", "Vienna"),
    "category": ("food", "books", "toys", "garden", "music", "office"),
    "color": ("red", "blue", "green", "black", "white", "yellow"),
    "country": ("France", "Spain", "Japan", "Brazil", "Canada", "Kenya"),
    "genre": ("drama", "comedy", "action", "jazz", "rock", "mystery"),
    "department": ("sales", "support", "finance", "engineering", "marketing"),
    "priority": ("low", "medium", "high", "urgent"),
    "owner": ("alice", "bob", "carol", "dave"),
    "team": ("red", "blue", "north", "south"),
    "kind": ("basic", "premium", "standard", "trial"),
    "grade": ("A", "B", "C", "D"),
    "author": ("Lee", "Garcia", "Novak", "Okafor"),
    "role": ("admin", "editor", "viewer", "guest"),
    "brand": ("Acme", "Nordic", "Delta", "Orion"),
    "species": ("cat", "dog", "rabbit", "parrot"),
    "region": ("north", "south", "east", "west"),
    "customer": ("Alice", "Bruno", "Clara", "David"),
}

PEOPLE = ("Alice", "Bob", "Carol", "David", "Emma", "Frank", "Grace", "Henry", "Ivan", "Julia", "Liam", "Mia", "Noah",
          "Olivia", "Peter", "Sara", "Tom", "Zoe", "Anna", "Ben", "Clara", "Dan", "Eva", "Felix", "Maria", "Nina")
GOODS = ("apple", "bread", "cheese", "milk", "rice", "coffee", "tea", "lamp", "chair", "table", "notebook", "pen",
         "mug", "bag", "shirt", "hat", "keyboard", "mouse", "monitor", "phone", "banana", "butter", "soap", "clock")
TITLES = ("The Long Road", "Silent River", "Blue Morning", "Winter Light", "The Last Train", "Open Water",
          "Small Hours", "Northern Sky", "Paper Boats", "The Green Door", "City of Glass", "Second Chance")
CITIES = ("Paris", "Berlin", "Madrid", "Oslo", "Rome", "Lisbon", "Vienna", "Prague", "Dublin", "Athens", "Helsinki")
COUNTRIES = ("France", "Spain", "Japan", "Brazil", "Canada", "Kenya", "Norway", "Chile", "India", "Egypt")
CHORES = ("Write report", "Buy groceries", "Call the bank", "Fix the door", "Clean kitchen", "Book flight",
          "Pay rent", "Review budget", "Update website", "Send invoice", "Plan trip", "Water plants")
CODES = ("A100", "A205", "B310", "B422", "C007", "C118", "D250", "D931", "E404", "F512")
PETS = ("Rex", "Luna", "Milo", "Bella", "Coco", "Max", "Daisy", "Simba", "Nala", "Oscar")
PLACES = ("kitchen", "garage", "office", "attic", "garden", "hall", "lab", "cellar", "roof", "lobby")
EMAILS = ("alice@example.com", "bob@example.com", "carol@example.org", "dave@example.net", "emma@example.com")

NOUNS: tuple[Noun, ...] = (
    Noun("item", "items", "name", ("price", "quantity", "weight"), ("category", "color"), GOODS),
    Noun("product", "products", "name", ("price", "stock", "rating"), ("category", "brand"), GOODS),
    Noun("order", "orders", "code", ("total", "amount", "quantity"), ("status", "customer"), CODES),
    Noun("student", "students", "name", ("score", "age"), ("grade", "city"), PEOPLE),
    Noun("book", "books", "title", ("price", "pages", "year"), ("author", "genre"), TITLES),
    Noun("user", "users", "name", ("age", "score", "points"), ("role", "city", "country"), PEOPLE),
    Noun("task", "tasks", "title", ("hours", "points", "duration"), ("status", "priority", "owner"), CHORES),
    Noun("employee", "employees", "name", ("salary", "age", "hours"), ("department", "city"), PEOPLE),
    Noun("customer", "customers", "name", ("balance", "age", "points"), ("city", "country", "kind"), PEOPLE),
    Noun("sensor", "sensors", "name", ("temperature", "distance"), ("status", "region"), PLACES),
    Noun("city", "cities", "name", ("population", "area"), ("country", "region"), CITIES),
    Noun("invoice", "invoices", "number", ("amount", "total"), ("status", "customer"), CODES),
    Noun("movie", "movies", "title", ("rating", "year", "duration"), ("genre", "country"), TITLES),
    Noun("song", "songs", "title", ("duration", "votes", "year"), ("genre",), TITLES),
    Noun("player", "players", "name", ("score", "points", "level"), ("team", "country"), PEOPLE),
    Noun("car", "cars", "model", ("price", "speed", "year"), ("color", "brand"), CODES),
    Noun("payment", "payments", "code", ("amount",), ("status", "customer"), CODES),
    Noun("event", "events", "title", ("duration", "capacity"), ("city", "category"), CHORES),
    Noun("project", "projects", "name", ("hours", "points"), ("status", "owner"), CHORES),
    Noun("course", "courses", "title", ("hours", "capacity", "price"), ("category", "department"), TITLES),
    Noun("ticket", "tickets", "code", ("price", "hours"), ("status", "priority", "owner"), CODES),
    Noun("country", "countries", "name", ("population", "area"), ("region",), COUNTRIES),
    Noun("pet", "pets", "name", ("age", "weight"), ("species", "color", "owner"), PETS),
    Noun("account", "accounts", "owner", ("balance",), ("status", "kind"), PEOPLE),
    Noun("hotel", "hotels", "name", ("price", "rating", "capacity"), ("city", "country"), TITLES),
    Noun("room", "rooms", "name", ("area", "capacity", "price"), ("color", "status"), PLACES),
    Noun("device", "devices", "name", ("price", "weight"), ("brand", "status"), GOODS),
    Noun("package", "packages", "code", ("weight", "distance"), ("status", "city"), CODES),
    Noun("plant", "plants", "name", ("height", "age"), ("color", "kind"), ("rose", "fern", "ivy", "oak", "mint")),
    Noun("recipe", "recipes", "title", ("calories", "duration"), ("category", "country"), GOODS),
    Noun("article", "articles", "title", ("votes", "year"), ("author", "category"), TITLES),
    Noun("member", "members", "email", ("age", "points"), ("role", "status"), EMAILS),
    Noun("team", "teams", "name", ("points", "score"), ("city", "country"), CITIES),
    Noun("contact", "contacts", "name", ("age",), ("city", "kind"), PEOPLE),
)

# Names for a list of plain numbers, with one of them: (plural, singular, a number attribute to draw from).
SERIES: tuple[tuple[str, str, str], ...] = (
    ("numbers", "number", "quantity"), ("values", "value", "quantity"), ("prices", "price", "price"),
    ("scores", "score", "score"), ("ages", "age", "age"), ("temperatures", "temperature", "temperature"),
    ("weights", "weight", "weight"), ("distances", "distance", "distance"), ("grades", "grade", "score"),
    ("amounts", "amount", "amount"), ("nums", "num", "quantity"), ("heights", "height", "height"),
    ("points", "point", "points"), ("salaries", "salary", "salary"), ("readings", "reading", "temperature"),
    ("data", "value", "quantity"), ("numbers", "num", "points"), ("numbers", "n", "quantity"),
)

SUBJECTS = ("the cat", "a small bird", "the old man", "my sister", "the teacher", "our dog", "the quick fox",
            "a tall woman", "the driver", "the child", "the baker", "a good friend")
PREDICATES = ("sat on the mat", "sings in the morning", "walked to the market", "reads a book", "runs in the park",
              "found a coin", "opened the door", "waits for the train", "likes fresh bread", "sleeps near the fire",
              "looked at the sky", "bought some apples")
WORDS = ("apple", "river", "stone", "cloud", "garden", "window", "bread", "music", "orange", "winter", "level",
         "paper", "silver", "forest", "tiger", "planet", "python", "banana", "candle", "radar", "summer", "island")


def plural(word: str) -> str:
    """Return the plural of an attribute's name, e.g. city -> cities, status -> statuses."""
    if word in ("points", "hours", "votes", "pages", "calories", "species"):
        return word
    if word.endswith("y"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith("s") else "s")


def sentence(rng: random.Random) -> str:
    """Return a short English sentence without a full stop or an apostrophe."""
    first = f"{rng.choice(SUBJECTS)} {rng.choice(PREDICATES)}"
    if rng.random() < 0.4:
        first += f" and {rng.choice(SUBJECTS)} {rng.choice(PREDICATES)}"
    return first[0].upper() + first[1:] if rng.random() < 0.5 else first
