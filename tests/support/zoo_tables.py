"""Real tables that come inside installed packages: nothing is downloaded, nothing is made up.

    X, y = penguins()    # DataFrame, Series

From scikit-learn: numbers throughout. From palmerpenguins and vega-datasets: mixed types,
categories, dates, missing values, text.
"""

import json
from functools import cache
from importlib.resources import files

import pandas as pd
from sklearn import datasets

__all__ = [
    "airports",
    "barley",
    "cars",
    "diabetes",
    "digits",
    "eggs",
    "iris",
    "linnerud",
    "penguins",
    "riots",
    "tumour",
    "weather",
    "wine",
]


def labelled(loader):
    """A scikit-learn classification table with its labels as words."""
    table = loader(as_frame=True)
    return table.data, table.target.map(lambda place: str(table.target_names[place])).rename("Target")


def file(package, path):
    return files(package).joinpath(path)


@cache
def tumour():
    return labelled(datasets.load_breast_cancer)


@cache
def iris():
    return labelled(datasets.load_iris)


@cache
def wine():
    return labelled(datasets.load_wine)


@cache
def diabetes():
    table = datasets.load_diabetes(as_frame=True, scaled=False)
    return table.data, table.target


@cache
def digits():
    """8 x 8 pictures as uint8, and the digit as numpy's int64."""
    X, y = datasets.load_digits(return_X_y=True)
    return X[:400].astype("uint8"), y[:400]


@cache
def linnerud():
    """Three exercises -> weight, waist and pulse."""
    table = datasets.load_linnerud(as_frame=True)
    return table.data, table.target


@cache
def penguins():
    """Numbers with holes, two categories (one with holes), a year; the species."""
    frame = pd.read_csv(file("palmerpenguins", "data/penguins.csv"))
    return frame.drop(columns="species"), frame["species"]


@cache
def eggs():
    """Notes, dates as text, Yes/No, isotopes with holes; the species' long name."""
    frame = pd.read_csv(file("palmerpenguins", "data/penguins-raw.csv"))
    kept = ["Stage", "Date Egg", "Clutch Completion", "Body Mass (g)", "Delta 13 C (o/oo)", "Sex", "Comments"]
    return frame[kept], frame["Species"]


@cache
def weather():
    """A datetime64 column and four numbers; sun, rain, fog, snow or drizzle."""
    frame = pd.read_csv(file("vega_datasets", "_data/seattle-weather.csv"), parse_dates=["date"])
    return frame.drop(columns="weather"), frame["weather"]


@cache
def cars():
    """pandas' nullable dtypes: whole horsepowers with holes, text, truth values with holes; miles per gallon."""
    frame = pd.DataFrame(json.loads(file("vega_datasets", "_data/cars.json").read_text(encoding="utf-8")))
    frame = frame[frame["Miles_per_Gallon"].notna()].reset_index(drop=True)
    frame = frame.astype({"Name": "string", "Origin": "string", "Horsepower": "Int64", "Weight_in_lbs": "Int32"})
    frame["Strong"] = (frame["Horsepower"] > 100).astype("boolean")
    return frame.drop(columns=["Miles_per_Gallon", "Year"]), frame["Miles_per_Gallon"]


@cache
def airports():
    """Names of airports as one column of text, and the state, of the five states with most."""
    frame = pd.read_csv(file("vega_datasets", "_data/airports.csv"))
    frame = frame[frame["state"].isin(frame["state"].value_counts().index[:5])].reset_index(drop=True)
    return frame[["name", "latitude", "longitude"]], frame["state"]


@cache
def barley():
    """Variety, site and year; the yield."""
    frame = pd.DataFrame(json.loads(file("vega_datasets", "_data/barley.json").read_text(encoding="utf-8")))
    return frame[["variety", "site", "year"]], frame["yield"]


@cache
def riots():
    """People: age with a hole, words, two dates as text, a place; how they died."""
    frame = pd.read_csv(file("vega_datasets", "_data/la-riots.csv"))
    return frame[["age", "gender", "race", "death_date", "neighborhood", "longitude", "latitude"]], frame["type"]
