"""The document as a person reads it: groups of operations, each with its call as curl.

groups(document)[0]["operations"][0]["path"]
"""

from ..json_body import JSON

__all__ = ["groups"]


def groups(document):
    """[{"name", "description", "operations": [...]}], in the order of the document's tags."""
    groups = {tag["name"]: {**tag, "operations": []} for tag in document.get("tags", ())}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]]["operations"].append(sheet(document, path, method, operation))
    return [group for group in groups.values() if group["operations"]]


def sheet(document, path, method, operation):
    """One operation with every reference followed."""
    parameters = [followed(document, item) for item in operation["parameters"]]
    media, body = first(operation.get("requestBody", {}).get("content", {}))
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "parameters": parameters,
        "media": media,
        "body": body.get("schema"),
        "examples": examples(body),
        "answers": [answer(document, status, item) for status, item in operation["responses"].items()],
        "curl": curl(path, method, parameters, media, examples(body)),
    }


def answer(document, status, response):
    response = followed(document, response)
    media, content = first(response.get("content", {}))
    schema = content.get("schema")
    return {
        "status": status,
        "description": response["description"],
        "media": media,
        "schema": schema,
        "examples": examples(content),
        "headers": list(response.get("headers", ())),
    }


def first(content):
    """(media type, media object) of the form that is shown: JSON where there is one."""
    media = JSON if JSON in content else next(iter(content), None)
    return media, content.get(media, {})


def examples(media):
    return {name: item["value"] for name, item in media.get("examples", {}).items()}


def followed(document, value):
    """What a reference stands for; anything else as it is."""
    if "$ref" not in value:
        return value
    found = document
    for key in value["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found


def curl(path, method, parameters, media, examples):
    """The call as one types it: (words before the origin and path, words after, the body or None)."""
    required = [item for item in parameters if item["in"] == "query" and item["required"]]
    query = "&".join(f"{item['name']}=..." for item in required)
    body = next(iter(examples.values()), None)
    return {
        "method": "" if method in ("get", "post") else f"-X {method.upper()} ",
        "target": path + (f"?{query}" if query else ""),
        "media": media,
        "body": body,
        "bare": method == "post" and body is None,
    }
