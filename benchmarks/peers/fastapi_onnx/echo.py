"""The request's body as the answer: no model of the body, and no JSON."""

from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/predict")
async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/json")
