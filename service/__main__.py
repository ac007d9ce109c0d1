"""The command line: `daylight`, or python -m service."""

__all__ = ["main"]


def main() -> None:
    # The script that pip installs is loaded once more in each process of `daylight predict`, which needs no commands.
    from .cli import main as command

    command()


if __name__ == "__main__":
    main()
