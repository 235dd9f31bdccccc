"""Patterns of functions that loop over digits and ranges, validate numbers, and compute amounts."""

from __future__ import annotations

PATTERNS = """\
? check whether a year is a leap year
def is_leap_year(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
|
def is_leap_year(year: int) -> bool:
    if year % 400 == 0:
        return True
    if year % 100 == 0:
        return False
    return year % 4 == 0
> is_leap_year(20$b)
>> for year in range(2000, 2025): ;;     if is_leap_year(year): ;;         print(year)
= assert is_leap_year(2024)
= assert not is_leap_year(1900)
= assert is_leap_year(2000)
%%
? return the sum of the digits of a number
def ${sum_}digits($n: int) -> int:
    return sum(int(digit) for digit in str($n))
|
def ${sum_}digits($n: int) -> int:
    total = 0
    while $n > 0:
        total += $n % 10
        $n //= 10
    return total
|
def ${sum_}digits($n: int) -> int:
    total = 0
    for digit in str($n):
        total += int(digit)
    return total
> ${sum_}digits($a$b)
= assert ${sum_}digits(123) == 6
= assert ${sum_}digits(0) == 0
%%
? count the digits of a number
def count_digits($n: int) -> int:
    return len(str(abs($n)))
|
def count_digits($n: int) -> int:
    count = 0
    while $n > 0:
        $n //= 10
        count += 1
    return count
> count_digits($a$b)
= assert count_digits(1234) == 4
%%
? reverse the digits of a number
def reverse_number($n: int) -> int:
    return int(str($n)[::-1])
|
def reverse_number($n: int) -> int:
    result = 0
    while $n > 0:
        result = result * 10 + $n % 10
        $n //= 10
    return result
> reverse_number($a$b)
= assert reverse_number(123) == 321
%%
? return the divisors of a number
def ${get}divisors($n: int) -> list[int]:
    return [i for i in range(1, $n + 1) if $n % i == 0]
|
def ${get}divisors($n: int) -> list[int]:
    divisors = []
    for i in range(1, $n + 1):
        if $n % i == 0:
            divisors.append(i)
    return divisors
> ${get}divisors($b)
= assert ${get}divisors(6) == [1, 2, 3, 6]
= assert ${get}divisors(7) == [1, 7]
%%
? return the FizzBuzz word for a number
def fizzbuzz($n: int) -> str:
    if $n % 15 == 0:
        return "FizzBuzz"
    elif $n % 3 == 0:
        return "Fizz"
    elif $n % 5 == 0:
        return "Buzz"
    return str($n)
|
def fizzbuzz($n: int) -> str:
    if $n % 3 == 0 and $n % 5 == 0:
        return "FizzBuzz"
    if $n % 3 == 0:
        return "Fizz"
    if $n % 5 == 0:
        return "Buzz"
    return str($n)
>> for i in range(1, 16): ;;     print(fizzbuzz(i))
= assert fizzbuzz(9) == "Fizz"
= assert fizzbuzz(10) == "Buzz"
= assert fizzbuzz(30) == "FizzBuzz"
%%
? print a countdown from a number
def countdown($n: int) -> None:
    while $n > 0:
        print($n)
        $n -= 1
    print("Done!")
|
def countdown(start: int) -> None:
    for i in range(start, 0, -1):
        print(i)
    print("Liftoff!")
>> countdown($small)
%%
? print the multiplication table of a number
def print_table($n: int) -> None:
    for i in range(1, 11):
        print(f"{$n} x {i} = {$n * i}")
|
def print_table($n: int, limit: int = 10) -> None:
    for i in range(1, limit + 1):
        print($n, "x", i, "=", $n * i)
>> print_table($small)
%%
? return the sum of the numbers from 1 to n
def sum_to(n: int) -> int:
    total = 0
    for i in range(1, n + 1):
        total += i
    return total
|
def sum_to(n: int) -> int:
    return sum(range(1, n + 1))
|
def sum_to(n: int) -> int:
    return n * (n + 1) // 2
> sum_to($b)
= assert sum_to(4) == 10
= assert sum_to(100) == 5050
%%
? count the steps until the Collatz sequence reaches 1
def count_collatz_steps($n: int) -> int:
    steps = 0
    while $n != 1:
        if $n % 2 == 0:
            $n //= 2
        else:
            $n = 3 * $n + 1
        steps += 1
    return steps
> count_collatz_steps($b)
= assert count_collatz_steps(1) == 0
= assert count_collatz_steps(8) == 3
%%
? parse a number and return a default if it is not valid
def parse_int(text: str, default: int = 0) -> int:
    try:
        return int(text)
    except ValueError:
        return default
|
def parse_int(value: str) -> int | None:
    try:
        return int(value)
    except ValueError:
        return None
> parse_int("$b")
>> for text in ["12", "abc", "$a"]: ;;     print(text, parse_int(text))
= assert parse_int("42") == 42
%%
? check that the age is valid and raise an error otherwise
? validate the age
def validate_age(age: int) -> None:
    if age < 0:
        raise ValueError("Age must not be negative")
    if age > 150:
        raise ValueError("Age is too large")
|
def validate_age(age: int) -> int:
    if not isinstance(age, int):
        raise TypeError("age must be an integer")
    if age < 0 or age > 120:
        raise ValueError(f"Invalid age: {age}")
    return age
>> validate_age($b)
>> try: ;;     validate_age(-$small) ;; except ValueError as error: ;;     print(error)
>> try: ;;     validate_age(-1) ;; except ValueError as e: ;;     print(f"Error: {e}")
%%
? convert a number of seconds to a text with hours, minutes and seconds
def format_duration(seconds: int) -> str:
    hours = seconds // 3600
    minutes = seconds % 3600 // 60
    seconds = seconds % 60
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"
|
def format_duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"
> format_duration($a$b)
= assert format_duration(3661) == "01:01:01"
%%
? convert a number to a binary string
def to_binary($n: int) -> str:
    if $n == 0:
        return "0"
    digits = ""
    while $n > 0:
        digits = str($n % 2) + digits
        $n //= 2
    return digits
|
def to_binary($n: int) -> str:
    return bin($n)[2:]
> to_binary($b)
= assert to_binary(5) == "101"
= assert to_binary(8) == "1000"
%%
? check whether a number is a perfect square
@ import math
def is_perfect_square($n: int) -> bool:
    root = int($n ** 0.5)
    return root * root == $n
|
def is_perfect_square($n: int) -> bool:
    root = math.isqrt($n)
    return root * root == $n
> is_perfect_square($b)
= assert is_perfect_square(16)
= assert not is_perfect_square(15)
%%
? return the distance between two points
@ import math
def distance(x1: float, y1: float, x2: float, y2: float) -> float:
    return ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
|
def distance(x1: float, y1: float, x2: float, y2: float) -> float:
    dx = x2 - x1
    dy = y2 - y1
    return math.sqrt(dx ** 2 + dy ** 2)
> distance(0, 0, $a, $b)
= assert distance(0, 0, 3, 4) == 5
%%
? return the balance after a number of years with interest
def compound_interest(principal: float, rate: float, years: int) -> float:
    return principal * (1 + rate) ** years
|
def compound_interest(balance: float, rate: float, years: int) -> float:
    for _ in range(years):
        balance += balance * rate
    return balance
|
def compound_interest(balance: float, rate: float, years: int) -> float:
    for year in range(years):
        balance = balance * (1 + rate)
    return round(balance, 2)
> compound_interest(${a}00, 0.05, $small)
%%
? return the price after a discount
def apply_discount(price: float, percent: float) -> float:
    return price * (1 - percent / 100)
|
def apply_discount(price: float, percent: float) -> float:
    if percent < 0 or percent > 100:
        raise ValueError("percent must be between 0 and 100")
    return round(price * (1 - percent / 100), 2)
|
def apply_discount(price: float, rate: float = 0.1) -> float:
    discount = price * rate
    return price - discount
> apply_discount($a, 0)
%%
? return the roots of a quadratic equation
@ import math
def solve_quadratic(a: float, b: float, c: float) -> list[float]:
    discriminant = b ** 2 - 4 * a * c
    if discriminant < 0:
        return []
    root = math.sqrt(discriminant)
    return [(-b - root) / (2 * a), (-b + root) / (2 * a)]
> solve_quadratic(1, -$b, $small)
= assert solve_quadratic(1, -3, 2) == [1, 2]
= assert solve_quadratic(1, 0, 1) == []
"""
