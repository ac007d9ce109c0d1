"""Rows as lists."""

from bare import instances, model, start


async def predict(request):
    return model.answer(instances(request))


if __name__ == "__main__":
    start(predict)
