"""The request's body as the answer."""

from bare import HEADERS, Response, start


async def echo(request):
    return Response(200, HEADERS, request.body)


if __name__ == "__main__":
    start(echo)
