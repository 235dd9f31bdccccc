"""Word lists for everyday notebooks: tables of many domains with their columns, and names that people give to things.

Knows nothing of code: a column is a snake_case name with the values that a person would expect in it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A data set that somebody might keep in one file.

    `categories` maps a column to its values, comma-separated; `numbers` maps a column to its usual (low, high), whole
    where both bounds are whole; `formulas` are columns that can be computed, such as ("revenue", "price * quantity").
    """

    name: str
    row: str
    key: str
    label: str
    date: str
    categories: dict[str, str]
    numbers: dict[str, tuple[float, float]]
    formulas: tuple[tuple[str, str], ...]
    other: str
    files: str = ""

    def stems(self) -> list[str]:
        """Return file names without their ending; plain names come first."""
        return [self.name, "data", *self.files.split()]


TABLES = (
    Table(
        "sales", "sale", "order_id", "customer", "date",
        {"region": "North,South,East,West", "product": "Laptop,Phone,Tablet,Monitor", "channel": "online,store,phone"},
        {"price": (5, 500), "quantity": (1, 50), "discount": (0.0, 0.5), "cost": (2, 300)},
        (("revenue", "price * quantity"), ("profit", "price - cost"), ("total", "price * quantity")),
        "customers", "sales_data sales_2023 monthly_sales transactions",
    ),
    Table(
        "orders", "order", "order_id", "customer_name", "order_date",
        {"status": "shipped,pending,cancelled", "country": "France,Germany,Spain,Italy", "category": "books,toys,food"},
        {"amount": (10, 900), "quantity": (1, 30), "unit_price": (2, 120), "shipping_cost": (1, 40)},
        (("total", "quantity * unit_price"), ("net_amount", "amount - shipping_cost")),
        "customers", "orders_2024 online_orders export",
    ),
    Table(
        "weather", "day", "station_id", "station", "date",
        {"city": "Paris,London,Berlin,Madrid", "season": "spring,summer,autumn,winter", "condition": "sunny,rain,snow"},
        {"temperature": (-5, 35), "humidity": (20, 100), "wind_speed": (0, 90), "rainfall": (0.0, 40.0),
         "pressure": (980, 1040)},
        (("feels_like", "temperature - wind_speed"),),
        "stations", "weather_data daily_weather weather_2022 climate",
    ),
    Table(
        "students", "student", "student_id", "name", "enrolled_on",
        {"grade": "A,B,C,D", "gender": "female,male", "school": "Central,Northside,Lakeview", "major": "math,art,law"},
        {"score": (40, 100), "age": (15, 25), "attendance": (0.5, 1.0), "math_score": (30, 100),
         "reading_score": (30, 100)},
        (("total_score", "math_score + reading_score"), ("score_gap", "math_score - reading_score")),
        "grades", "student_scores exam_results students_2023",
    ),
    Table(
        "sensors", "reading", "sensor_id", "location", "timestamp",
        {"room": "kitchen,office,garage,attic", "status": "ok,error,offline", "unit": "celsius,volt,percent"},
        {"value": (0.0, 100.0), "temperature": (10, 40), "voltage": (2.5, 5.0), "battery": (0, 100)},
        (("power", "voltage * value"), ("ratio", "value / voltage")),
        "locations", "sensor_data readings sensor_log measurements",
    ),
    Table(
        "movies", "movie", "movie_id", "title", "release_date",
        {"genre": "Drama,Comedy,Action,Horror", "director": "Lee,Garcia,Smith", "language": "English,French,Korean"},
        {"rating": (1.0, 10.0), "votes": (10, 9000), "budget": (1000000, 90000000), "runtime": (80, 200),
         "gross": (1000000, 90000000)},
        (("profit", "gross - budget"), ("return_ratio", "gross / budget")),
        "ratings", "movie_ratings films top_movies",
    ),
    Table(
        "flights", "flight", "flight_id", "tail_number", "departure_date",
        {"airline": "AirWest,SkyLink,BlueJet", "origin": "JFK,LAX,ORD,SEA", "destination": "BOS,DEN,ATL,MIA"},
        {"delay": (0, 180), "distance": (100, 3000), "air_time": (30, 400), "passengers": (20, 300)},
        (("speed", "distance / air_time"), ("total_time", "air_time + delay")),
        "airports", "flight_delays flights_2019 departures",
    ),
    Table(
        "houses", "house", "house_id", "address", "sold_on",
        {"city": "Austin,Denver,Portland", "type": "apartment,house,condo", "condition": "new,good,poor"},
        {"price": (90000, 900000), "area": (40, 300), "bedrooms": (1, 6), "bathrooms": (1, 4), "age": (0, 90)},
        (("price_per_sqm", "price / area"), ("rooms", "bedrooms + bathrooms")),
        "cities", "house_prices housing real_estate listings",
    ),
    Table(
        "patients", "patient", "patient_id", "name", "visit_date",
        {"diagnosis": "diabetes,asthma,healthy", "gender": "F,M", "hospital": "General,Mercy,City"},
        {"age": (1, 95), "weight": (40, 130), "height": (1.4, 2.1), "heart_rate": (50, 120), "glucose": (60, 220)},
        (("bmi", "weight / height"), ("glucose_by_age", "glucose / age")),
        "visits", "patient_records clinic health_data",
    ),
    Table(
        "employees", "employee", "employee_id", "name", "hire_date",
        {"department": "Sales,IT,HR,Finance", "city": "Boston,Chicago,Dallas", "role": "manager,analyst,engineer"},
        {"salary": (30000, 150000), "age": (20, 65), "bonus": (0, 20000), "years": (0, 35)},
        (("total_pay", "salary + bonus"), ("salary_per_year", "salary / years")),
        "departments", "employee_data staff payroll hr",
    ),
    Table(
        "people", "person", "id", "name", "birthday",
        {"city": "London,Paris,Tokyo,Oslo", "country": "UK,France,Japan", "job": "teacher,nurse,driver"},
        {"age": (1, 90), "height": (140, 210), "weight": (40, 120), "income": (10000, 99000)},
        (("height_weight_ratio", "height / weight"),),
        "addresses", "persons names users",
    ),
    Table(
        "users", "user", "user_id", "username", "signup_date",
        {"plan": "free,basic,pro", "country": "US,UK,India,Brazil", "device": "mobile,desktop,tablet"},
        {"visits": (1, 400), "clicks": (0, 900), "sessions": (1, 90), "age": (16, 80), "spend": (0, 500)},
        (("clicks_per_visit", "clicks / visits"), ("spend_per_session", "spend / sessions")),
        "events", "user_data accounts signups",
    ),
    Table(
        "stocks", "day", "stock_id", "company", "date",
        {"ticker": "AAA,BBB,XYZ", "sector": "tech,energy,health", "exchange": "NYSE,LSE"},
        {"open": (10, 400), "close": (10, 400), "volume": (1000, 900000), "high": (10, 420), "low": (8, 390)},
        (("change", "close - open"), ("spread", "high - low"), ("turnover", "close * volume")),
        "companies", "stock_prices prices stocks_daily",
    ),
    Table(
        "cars", "car", "car_id", "model", "sold_date",
        {"brand": "Toyota,Ford,BMW,Fiat", "fuel": "petrol,diesel,electric", "color": "red,blue,black,white"},
        {"price": (1000, 90000), "mileage": (0, 200000), "horsepower": (60, 400), "weight": (800, 2500),
         "year": (1995, 2024)},
        (("power_to_weight", "horsepower / weight"), ("price_per_km", "price / mileage")),
        "dealers", "used_cars car_prices vehicles",
    ),
    Table(
        "bikes", "trip", "trip_id", "station_name", "start_time",
        {"member_type": "member,casual", "weekday": "Mon,Tue,Wed,Sat", "bike_type": "classic,electric"},
        {"duration": (1, 120), "distance": (0.5, 30.0), "rides": (1, 900), "temperature": (-5, 35)},
        (("speed", "distance / duration"),),
        "stations", "bike_trips rentals trips bike_sharing",
    ),
    Table(
        "books", "book", "isbn", "title", "published",
        {"genre": "fiction,history,science", "author": "Woolf,Orwell,Austen", "publisher": "Penguin,Vintage"},
        {"pages": (60, 900), "price": (3.0, 60.0), "rating": (1.0, 5.0), "copies_sold": (10, 90000)},
        (("revenue", "price * copies_sold"), ("price_per_page", "price / pages")),
        "authors", "library book_list reviews",
    ),
    Table(
        "countries", "country", "country_code", "country", "updated",
        {"continent": "Europe,Asia,Africa", "region": "Northern,Southern,Western", "income_group": "high,middle,low"},
        {"population": (100000, 90000000), "gdp": (1000000, 90000000), "area": (1000, 900000),
         "life_expectancy": (50, 85)},
        (("density", "population / area"), ("gdp_per_capita", "gdp / population")),
        "capitals", "world population country_data",
    ),
    Table(
        "matches", "match", "match_id", "player", "match_date",
        {"team": "Lions,Tigers,Bears", "stadium": "North Park,Arena", "result": "win,draw,loss"},
        {"goals": (0, 9), "shots": (1, 30), "points": (0, 110), "assists": (0, 12), "minutes": (1, 90)},
        (("goals_per_shot", "goals / shots"), ("contributions", "goals + assists")),
        "teams", "games results season_2023 player_stats",
    ),
    Table(
        "energy", "hour", "meter_id", "building", "timestamp",
        {"zone": "A,B,C", "source": "solar,wind,gas,hydro", "day_type": "weekday,weekend"},
        {"consumption": (0, 900), "production": (0, 900), "temperature": (-10, 38), "price": (0.05, 0.6)},
        (("balance", "production - consumption"), ("cost", "consumption * price")),
        "meters", "energy_usage power electricity hourly_load",
    ),
    Table(
        "expenses", "expense", "id", "description", "date",
        {"category": "rent,food,travel,fun", "payment": "card,cash", "account": "personal,shared"},
        {"amount": (1, 900), "tax": (0, 90), "tip": (0, 40)},
        (("total", "amount + tax"), ("amount_net", "amount - tax"), ("tip_rate", "tip / amount")),
        "budgets", "budget spending bank",
    ),
    Table(
        "flowers", "flower", "sample_id", "species", "measured_on",
        {"kind": "rose,lily,tulip", "color": "red,white,yellow", "garden": "east,west"},
        {"stem_length": (5.0, 60.0), "petal_length": (0.5, 7.0), "petal_width": (0.1, 3.0), "leaves": (2, 40)},
        (("petal_area", "petal_length * petal_width"), ("petal_ratio", "petal_length / petal_width")),
        "gardens", "plants samples field_data",
    ),
    Table(
        "survey", "answer", "respondent_id", "comment", "submitted_at",
        {"gender": "woman,man,other", "age_group": "18-29,30-44,45-59", "city": "Lyon,Nice,Lille"},
        {"satisfaction": (1, 5), "age": (18, 80), "hours": (0, 60), "score": (0, 10)},
        (("score_per_hour", "score / hours"),),
        "respondents", "survey_results answers responses",
    ),
    Table(
        "products", "product", "product_id", "product_name", "added_on",
        {"category": "garden,kitchen,office", "brand": "Acme,Nova,Zenith", "supplier": "North Co,Best Ltd"},
        {"price": (1, 300), "stock": (0, 500), "weight": (0.1, 25.0), "rating": (1.0, 5.0), "sold": (0, 900)},
        (("stock_value", "price * stock"), ("revenue", "price * sold"), ("remaining", "stock - sold")),
        "suppliers", "inventory catalog items",
    ),
    Table(
        "experiment", "trial", "trial_id", "subject", "run_date",
        {"group": "control,treatment", "condition": "A,B,C", "sex": "f,m"},
        {"before": (0.0, 100.0), "after": (0.0, 100.0), "dose": (1, 50), "reaction_time": (0.2, 2.0)},
        (("difference", "after - before"), ("effect", "difference / dose"), ("change", "after - before")),
        "subjects", "trials results experiment_1 measurements",
    ),
)

PATH_NAMES = ("file", "path", "filename", "file_path", "data_path", "file_name", "input_file", "source")
FOLDERS = ("data", "data", "data", "input", "datasets", "files", "raw", "downloads", "../data", "data/raw")
MATRICES = ("a", "b", "arr", "matrix", "data", "values", "samples", "numbers", "m", "scores", "measurements", "array")
MEASURES = (
    "temperature", "height", "weight", "speed", "distance", "price", "voltage", "score", "age", "pressure", "energy",
    "duration", "error", "loss", "signal", "velocity", "position", "population", "income", "rainfall", "frequency",
)
COLORS = ("red", "blue", "green", "orange", "steelblue", "purple", "gray", "tab:orange", "black", "skyblue")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun")
FRUIT = ("apples", "bananas", "cherries", "pears", "grapes", "plums", "kiwis", "lemons")
HOSTS = ("api.example.com", "example.com", "httpbin.org", "api.example.org", "data.example.com", "api.example.net")
FORMATS = ("%Y-%m-%d", "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d %H:%M:%S", "%H:%M")
