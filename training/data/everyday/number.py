"""Patterns of functions over single numbers: predicates, arithmetic, recursion, and grading."""

from __future__ import annotations

PATTERNS = """\
? check whether a number is even
def is_even($n: int) -> bool:
    return $n % 2 == 0
|
def is_even($n: int) -> bool:
    if $n % 2 == 0:
        return True
    return False
> is_even($small)
= assert is_even(4)
= assert not is_even(7)
%%
? check whether a number is odd
def is_odd($n: int) -> bool:
    return $n % 2 == 1
|
def is_odd($n: int) -> bool:
    return $n % 2 != 0
> is_odd($small)
= assert is_odd(5)
= assert not is_odd(8)
%%
? check whether a number is positive
? return True if the number is positive
def is_positive($n: float) -> bool:
    return $n > 0
> is_positive($small)
= assert is_positive(3)
= assert not is_positive(-1)
%%
? add two numbers
? return the sum of two numbers
def add(a: int, b: int) -> int:
    return a + b
|
def add(x: float, y: float) -> float:
    return x + y
> add($a, $b)
= assert add(2, 3) == 5
= assert add(-1, 1) == 0
%%
? subtract one number from another
def subtract(a: int, b: int) -> int:
    return a - b
|
def subtract(x: float, y: float) -> float:
    return x - y
> subtract($a, $b)
= assert subtract(5, 3) == 2
= assert subtract(1, 4) == -3
%%
? multiply two numbers
def multiply(a: int, b: int) -> int:
    return a * b
|
def multiply(x: float, y: float) -> float:
    return x * y
> multiply($a, $b)
= assert multiply(4, 5) == 20
= assert multiply(3, 0) == 0
%%
? divide two numbers and raise an error for zero
def divide(a: float, b: float) -> float:
    if b == 0:
        raise ValueError("Cannot divide by zero")
    return a / b
|
def divide(x: float, y: float) -> float:
    if y == 0:
        raise ZeroDivisionError("division by zero")
    return x / y
> divide($a, $b)
= assert divide(10, 4) == 2.5
= assert divide(9, 3) == 3
%%
? divide two numbers and return None if the divisor is zero
def safe_divide(a: float, b: float) -> float | None:
    if b == 0:
        return None
    return a / b
|
def safe_divide(a: float, b: float) -> float | None:
    try:
        return a / b
    except ZeroDivisionError:
        return None
> safe_divide($a, $b)
> safe_divide($a, 0)
= assert safe_divide(8, 2) == 4
= assert safe_divide(1, 0) is None
%%
? return the larger of two numbers
def max_of_two(a: int, b: int) -> int:
    if a > b:
        return a
    return b
|
def max_of_two(a: int, b: int) -> int:
    return a if a > b else b
> max_of_two($a, $b)
= assert max_of_two(3, 8) == 8
= assert max_of_two(9, 2) == 9
%%
? return the factorial of a number
? calculate the factorial of $n
def factorial($n: int) -> int:
    if $n <= 1:
        return 1
    return $n * factorial($n - 1)
|
def factorial($n: int) -> int:
    result = 1
    for i in range(1, $n + 1):
        result *= i
    return result
|
def factorial($n: int) -> int:
    if $n < 0:
        raise ValueError("$n must not be negative")
    result = 1
    for i in range(2, $n + 1):
        result *= i
    return result
> factorial($small)
= assert factorial(5) == 120
= assert factorial(0) == 1
%%
? return the first n Fibonacci numbers
def fibonacci(n: int) -> list[int]:
    numbers = [0, 1]
    while len(numbers) < n:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:n]
|
def fibonacci(n: int) -> list[int]:
    a, b = 0, 1
    result = []
    for _ in range(n):
        result.append(a)
        a, b = b, a + b
    return result
> fibonacci($small)
>> for number in fibonacci(10): ;;     print(number)
= assert fibonacci(5) == [0, 1, 1, 2, 3]
= assert fibonacci(1) == [0]
%%
? check whether a number is prime
def is_prime($n: int) -> bool:
    if $n < 2:
        return False
    for i in range(2, $n):
        if $n % i == 0:
            return False
    return True
|
def is_prime($n: int) -> bool:
    if $n < 2:
        return False
    for i in range(2, int($n ** 0.5) + 1):
        if $n % i == 0:
            return False
    return True
> is_prime($b)
>> for number in range(20): ;;     if is_prime(number): ;;         print(number)
>> primes = [n for n in range(2, 50) if is_prime(n)] ;; print(primes)
= assert is_prime(7)
= assert not is_prime(9)
= assert not is_prime(1)
%%
? return the greatest common divisor of two numbers
def gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
|
def gcd(a: int, b: int) -> int:
    if b == 0:
        return a
    return gcd(b, a % b)
> gcd($a, $b)
= assert gcd(12, 18) == 6
= assert gcd(7, 5) == 1
%%
? raise a base to an exponent
def power(base: int, exponent: int) -> int:
    result = 1
    for _ in range(exponent):
        result *= base
    return result
|
def power(base: int, exponent: int) -> int:
    if exponent == 0:
        return 1
    return base * power(base, exponent - 1)
> power($small, 3)
= assert power(2, 10) == 1024
= assert power(5, 0) == 1
%%
? limit a value to a range
def clamp(value: float, low: float, high: float) -> float:
    return max(low, min(value, high))
|
def clamp(value: float, minimum: float, maximum: float) -> float:
    if value < minimum:
        return minimum
    if value > maximum:
        return maximum
    return value
> clamp($b, 0, 10)
= assert clamp(15, 0, 10) == 10
= assert clamp(-3, 0, 10) == 0
= assert clamp(5, 0, 10) == 5
%%
? return the absolute value of a number
def absolute_value($n: float) -> float:
    if $n < 0:
        return -$n
    return $n
|
def absolute_value($n: float) -> float:
    return -$n if $n < 0 else $n
> absolute_value(-$a)
= assert absolute_value(-4) == 4
= assert absolute_value(3) == 3
%%
? return the sign of a number as a word
def get_sign($n: float) -> str:
    if $n > 0:
        return "positive"
    elif $n < 0:
        return "negative"
    else:
        return "zero"
|
def get_sign($n: float) -> str:
    if $n == 0:
        return "zero"
    return "positive" if $n > 0 else "negative"
> get_sign($small)
> get_sign(-$small)
= assert get_sign(5) == "positive"
= assert get_sign(-2) == "negative"
= assert get_sign(0) == "zero"
%%
? return the letter grade for a score
def get_grade(score: int) -> str:
    if score >= 90:
        return "A"
    elif score >= 80:
        return "B"
    elif score >= 70:
        return "C"
    elif score >= 60:
        return "D"
    else:
        return "F"
|
def get_grade(score: int) -> str:
    if score >= 90:
        return "A"
    if score >= 80:
        return "B"
    if score >= 70:
        return "C"
    return "D"
> get_grade($b)
>> for score in [95, 82, 71, 64]: ;;     print(score, get_grade(score))
= assert get_grade(95) == "A"
= assert get_grade(85) == "B"
= assert get_grade(72) == "C"
%%
? describe the temperature in words
def describe_temperature(celsius: float) -> str:
    if celsius < 0:
        return "freezing"
    elif celsius < 10:
        return "cold"
    elif celsius < 20:
        return "mild"
    elif celsius < 30:
        return "warm"
    else:
        return "hot"
> describe_temperature($small)
= assert describe_temperature(-5) == "freezing"
= assert describe_temperature(15) == "mild"
= assert describe_temperature(35) == "hot"
%%
? return the ticket price for an age
def ticket_price(age: int) -> int:
    if age < 4:
        return 0
    elif age < 18:
        return $small
    elif age >= 65:
        return $small
    return 1$small
|
def ticket_price(age: int) -> int:
    if age < 6:
        price = 0
    elif age < 18:
        price = $small
    else:
        price = 1$small
    return price
> ticket_price($b)
= assert ticket_price(3) == 0
"""
