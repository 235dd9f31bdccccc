"""Small classes that stand alone, with their members in the format of `pattern`, and families of classes."""

from __future__ import annotations

# Whole small classes: (class name, arguments, variable, what it is, members). The first member is the initializer.
STRUCTURES: tuple[tuple[str, str, str, str, str], ...] = (
    ("Stack", "", "stack", "a stack", """\
? start empty
def __init__(self) -> None:
    self.items = []
%%
? push an item
def push(self, item: object) -> None:
    self.items.append(item)
>> $obj.push($a) ;; $obj.push($b) ;; $obj.push($c)
>> for value in [$a, $b, $c]: ;;     $obj.push(value)
%%
? pop the last item
def pop(self) -> object:
    if not self.items:
        raise IndexError("stack is empty")
    return self.items.pop()
|
def pop(self) -> object:
    if self.is_empty():
        return None
    return self.items.pop()
>> print($obj.pop())
%%
? check whether it is empty
def is_empty(self) -> bool:
    return len(self.items) == 0
>> print($obj.is_empty())
%%
? return the last item
def peek(self) -> object:
    return self.items[-1]
%%
? return the number of items
def __len__(self) -> int:
    return len(self.items)
>> print(len($obj))
"""),
    ("Queue", "", "queue", "a queue", """\
? start empty
def __init__(self) -> None:
    self.items = []
%%
? add an item at the end
def enqueue(self, item: object) -> None:
    self.items.append(item)
>> $obj.enqueue($a) ;; $obj.enqueue($b)
%%
? remove the first item
def dequeue(self) -> object:
    return self.items.pop(0)
>> print($obj.dequeue())
%%
? check whether it is empty
def is_empty(self) -> bool:
    return not self.items
>> print($obj.is_empty())
%%
? return the number of items
def size(self) -> int:
    return len(self.items)
>> print($obj.size())
"""),
    ("BankAccount", '"$person", ${a}00', "account", "a bank account", """\
? take the owner and the balance
def __init__(self, owner: str, balance: float = 0) -> None:
    self.owner = owner
    self.balance = balance
%%
? deposit an amount
def deposit(self, amount: float) -> None:
    if amount <= 0:
        raise ValueError("Amount must be positive")
    self.balance += amount
|
def deposit(self, amount: float) -> None:
    self.balance += amount
>> $obj.deposit($a) ;; print($obj.balance)
%%
? withdraw an amount
def withdraw(self, amount: float) -> None:
    if amount > self.balance:
        raise ValueError("Insufficient funds")
    self.balance -= amount
|
def withdraw(self, amount: float) -> bool:
    if amount > self.balance:
        return False
    self.balance -= amount
    return True
>> $obj.withdraw($b) ;; print($obj.balance)
>> try: ;;     $obj.withdraw(${b}0000) ;; except ValueError as error: ;;     print(error)
%%
? return a readable text
def __str__(self) -> str:
    return f"{self.owner}: {self.balance}"
>> print($obj)
%%
? add interest
def add_interest(self, rate: float) -> None:
    self.balance += self.balance * rate
>> $obj.add_interest(0.05) ;; print($obj.balance)
"""),
    ("Counter", "", "counter", "a counter", """\
? start at zero
def __init__(self, start: int = 0) -> None:
    self.count = start
|
def __init__(self) -> None:
    self.count = 0
%%
? increment the count
def increment(self) -> None:
    self.count += 1
>> $obj.increment() ;; print($obj.count)
>> for _ in range($c): ;;     $obj.increment() ;; print($obj.count)
%%
? decrement the count
def decrement(self) -> None:
    if self.count > 0:
        self.count -= 1
|
def decrement(self) -> None:
    self.count -= 1
>> $obj.decrement() ;; print($obj.count)
%%
? reset the count
def reset(self) -> None:
    self.count = 0
>> $obj.reset() ;; print($obj.count)
"""),
    ("Point", "$a, $b", "point", "a point", """\
? take the coordinates
def __init__(self, x: float, y: float) -> None:
    self.x = x
    self.y = y
%%
? move the point
def move(self, dx: float, dy: float) -> None:
    self.x += dx
    self.y += dy
>> $obj.move($c, $c) ;; print($obj.x, $obj.y)
%%
? return the distance to another point
def distance_to(self, other: "Point") -> float:
    return ((self.x - other.x) ** 2 + (self.y - other.y) ** 2) ** 0.5
>> print($obj.distance_to(Point(0, 0)))
%%
? add two points
def __add__(self, other: "Point") -> "Point":
    return Point(self.x + other.x, self.y + other.y)
>> total = $obj + Point(1, $c) ;; print(total.x, total.y)
%%
? return a readable text
def __repr__(self) -> str:
    return f"Point({self.x}, {self.y})"
>> print($obj)
%%
? compare two points
def __eq__(self, other: object) -> bool:
    return self.x == other.x and self.y == other.y
>> print($obj == Point($a, $b))
"""),
    ("Rectangle", "$a, $b", "rectangle", "a rectangle", """\
? take the width and the height
def __init__(self, width: float, height: float) -> None:
    self.width = width
    self.height = height
%%
? return the area
def area(self) -> float:
    return self.width * self.height
>> print($obj.area())
>> print(f"Area: {$obj.area()}")
%%
? return the perimeter
def perimeter(self) -> float:
    return 2 * (self.width + self.height)
>> print($obj.perimeter())
%%
? check whether it is a square
def is_square(self) -> bool:
    return self.width == self.height
>> print($obj.is_square())
%%
? scale both sides
def scale(self, factor: float) -> None:
    self.width *= factor
    self.height *= factor
>> $obj.scale($c) ;; print($obj.width, $obj.height)
"""),
    ("Temperature", "$a", "temperature", "a temperature", """\
? take the degrees in Celsius
def __init__(self, celsius: float) -> None:
    self.celsius = celsius
%%
? return the temperature in Fahrenheit
@property
def fahrenheit(self) -> float:
    return self.celsius * 9 / 5 + 32
>> print($obj.fahrenheit)
%%
? return the temperature in Kelvin
@property
def kelvin(self) -> float:
    return self.celsius + 273.15
>> print($obj.kelvin)
%%
? check whether it is freezing
def is_freezing(self) -> bool:
    return self.celsius <= 0
>> print($obj.is_freezing())
"""),
    ("LinkedList", "", "numbers", "a linked list", """\
? start empty
def __init__(self) -> None:
    self.head = None
    self.size = 0
%%
? add a value at the front
def prepend(self, value: object) -> None:
    self.head = (value, self.head)
    self.size += 1
>> $obj.prepend($a) ;; $obj.prepend($b)
%%
? return the values as a list
def to_list(self) -> list:
    values = []
    node = self.head
    while node is not None:
        value, node = node
        values.append(value)
    return values
>> print($obj.to_list())
%%
? return the number of values
def __len__(self) -> int:
    return self.size
>> print(len($obj))
"""),
    ("Cache", "$c", "cache", "a cache", """\
? take the maximum size
def __init__(self, max_size: int = 10) -> None:
    self.max_size = max_size
    self.data = {}
%%
? store a value
def set(self, key: str, value: object) -> None:
    if len(self.data) >= self.max_size:
        oldest = next(iter(self.data))
        del self.data[oldest]
    self.data[key] = value
>> $obj.set("$word", $a) ;; print($obj.data)
%%
? look up a value
def get(self, key: str, default: object = None) -> object:
    return self.data.get(key, default)
>> print($obj.get("$word"))
%%
? check whether a key is stored
def __contains__(self, key: str) -> bool:
    return key in self.data
>> print("$word" in $obj)
%%
? remove all values
def clear(self) -> None:
    self.data.clear()
>> $obj.clear()
"""),
    ("Light", "", "light", "a light", """\
? start switched off
def __init__(self) -> None:
    self.is_on = False
    self.brightness = $a
%%
? switch the light on
def turn_on(self) -> None:
    self.is_on = True
>> $obj.turn_on() ;; print($obj.is_on)
%%
? switch the light off
def turn_off(self) -> None:
    self.is_on = False
>> $obj.turn_off() ;; print($obj.is_on)
%%
? toggle the light
def toggle(self) -> None:
    self.is_on = not self.is_on
>> $obj.toggle() ;; print($obj.is_on)
%%
? set the brightness
def set_brightness(self, brightness: int) -> None:
    self.brightness = max(0, min(100, brightness))
>> $obj.set_brightness($b) ;; print($obj.brightness)
"""),
)

# Hierarchies: (base, its method, its parameter, children as (name, attributes, body of the method, arguments)).
FAMILIES: tuple[tuple[str, str, str, tuple[tuple[str, str, str, str], ...]], ...] = (
    ("Animal", "speak", "name", (
        ("Dog", "", 'return f"{self.name} says Woof"', '"$pet"'), ("Cat", "", 'return f"{self.name} says Meow"', '"$pet"'),
        ("Cow", "", 'return f"{self.name} says Moo"', '"$pet"'), ("Duck", "", 'return f"{self.name} says Quack"', '"$pet"'),
        ("Parrot", "word", 'return f"{self.name} says {self.word}"', '"$pet", "hello"'),
    )),
    ("Shape", "area", "name", (
        ("Square", "side", "return self.side ** 2", '"square", $a'),
        ("Circle", "radius", "return 3.14159 * self.radius ** 2", '"circle", $a'),
        ("Rectangle", "width, height", "return self.width * self.height", '"rectangle", $a, $b'),
        ("Triangle", "base, height", "return self.base * self.height / 2", '"triangle", $a, $b'),
    )),
    ("Employee", "pay", "name", (
        ("Manager", "salary, bonus", "return self.salary + self.bonus", '"$person", ${a}000, ${b}00'),
        ("Engineer", "salary", "return self.salary", '"$person", ${a}000'),
        ("Contractor", "hours, rate", "return self.hours * self.rate", '"$person", $a, $b'),
        ("Seller", "salary, sales", "return self.salary + self.sales * 0.1", '"$person", ${a}000, ${b}00'),
    )),
    ("Vehicle", "describe", "brand", (
        ("Car", "doors", 'return f"{self.brand} car with {self.doors} doors"', '"Delta", 4'),
        ("Truck", "load", 'return f"{self.brand} truck with a load of {self.load}"', '"Orion", $a'),
        ("Bike", "", 'return f"{self.brand} bike"', '"Nordic"'),
        ("Bus", "seats", 'return f"{self.brand} bus with {self.seats} seats"', '"Acme", $a'),
    )),
)
