"""Formulas of one line: conversions, geometry, prices, and physics."""

from __future__ import annotations

# One-line formulas: name, parameters, expression, and what it is in words.
FORMULAS: tuple[tuple[str, str, str, str], ...] = (
    ("celsius_to_fahrenheit", "celsius", "celsius * 9 / 5 + 32", "convert Celsius to Fahrenheit"),
    ("fahrenheit_to_celsius", "fahrenheit", "(fahrenheit - 32) * 5 / 9", "convert Fahrenheit to Celsius"),
    ("km_to_miles", "km", "km * 0.621371", "convert kilometers to miles"),
    ("miles_to_km", "miles", "miles * 1.609344", "convert miles to kilometers"),
    ("meters_to_feet", "meters", "meters * 3.28084", "convert meters to feet"),
    ("feet_to_meters", "feet", "feet * 0.3048", "convert feet to meters"),
    ("kg_to_pounds", "kg", "kg * 2.20462", "convert kilograms to pounds"),
    ("minutes_to_seconds", "minutes", "minutes * 60", "convert minutes to seconds"),
    ("hours_to_minutes", "hours", "hours * 60", "convert hours to minutes"),
    ("days_to_hours", "days", "days * 24", "convert days to hours"),
    ("square", "x", "x * x", "return the square of a number"),
    ("cube", "x", "x ** 3", "return the cube of a number"),
    ("double", "x", "x * 2", "double a number"),
    ("rectangle_area", "width, height", "width * height", "calculate the area of a rectangle"),
    ("rectangle_perimeter", "width, height", "2 * (width + height)", "calculate the perimeter of a rectangle"),
    ("triangle_area", "base, height", "base * height / 2", "calculate the area of a triangle"),
    ("circle_area", "radius", "math.pi * radius ** 2", "calculate the area of a circle"),
    ("circumference", "radius", "2 * math.pi * radius", "calculate the circumference of a circle"),
    ("sphere_volume", "radius", "4 / 3 * math.pi * radius ** 3", "calculate the volume of a sphere"),
    ("box_volume", "length, width, height", "length * width * height", "calculate the volume of a box"),
    ("hypotenuse", "a, b", "math.sqrt(a ** 2 + b ** 2)", "return the hypotenuse of a right triangle"),
    ("body_mass_index", "weight, height", "weight / height ** 2", "calculate the body mass index"),
    ("speed", "distance, time", "distance / time", "calculate the speed from distance and time"),
    ("total_cost", "price, quantity", "price * quantity", "calculate the total cost"),
    ("add_tax", "price, tax_rate", "price * (1 + tax_rate)", "add the tax to a price"),
    ("simple_interest", "principal, rate, years", "principal * rate * years", "calculate the simple interest"),
    ("percentage", "part, whole", "part / whole * 100", "return a part as a percentage of the whole"),
    ("mean_of_two", "a, b", "(a + b) / 2", "return the mean of two numbers"),
    ("profit", "revenue, cost", "revenue - cost", "calculate the profit"),
    ("split_bill", "total, people", "total / people", "split a bill between people"),
    ("kinetic_energy", "mass, velocity", "0.5 * mass * velocity ** 2", "calculate the kinetic energy"),
    ("force", "mass, acceleration", "mass * acceleration", "calculate the force on a mass"),
)
