"""What tests of access ask, and the scopes of the keys that they have."""

__all__ = ["HTML", "ROW", "SCOPES", "TABLE", "V1", "bearer"]

ROW = [5.1, 3.5, 1.4, 0.2]
TABLE = {"instances": [ROW]}
V1 = "/v1/models/iris:predict"
HTML = {"Accept": "text/html"}
SCOPES = {"shop": ["predict"], "ops": ["admin"], "both": ["predict", "admin"]}


def bearer(key):
    return {"Authorization": f"Bearer {key}"}
