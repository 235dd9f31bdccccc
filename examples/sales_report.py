import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def _():
    import pandas as pd
    import matplotlib.pyplot as plt
    return pd, plt


@app.cell
def _(pd):
    sales = pd.read_csv("sales.csv")
    return (sales,)


@app.cell
def _(sales):
    sales["revenue"] = sales["price"] * sales["quantity"]
    return


@app.cell
def _(plt, sales):
    plt.plot(sales["date"], sales["revenue"])
    plt.title("Revenue")
    plt.xlabel("date")
    plt.yl
    return


if __name__ == "__main__":
    app.run()
