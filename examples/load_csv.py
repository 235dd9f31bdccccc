import pandas as pd

file = "sales.csv"
df = 
