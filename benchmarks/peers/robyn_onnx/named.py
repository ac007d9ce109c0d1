"""Columns by name."""

from bare import columns, instances, model, start


async def predict(request):
    return model.answer([[row[name] for name in columns] for row in instances(request)])


if __name__ == "__main__":
    start(predict)
