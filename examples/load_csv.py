import pandas as pd

file = "sales.csv"
df = 
print(df.head())
