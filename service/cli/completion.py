"""completion SHELL: the script that makes a shell complete commands, options, models and versions.

click.argument("name", shell_complete=models_of)
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from ..errors import StartupError
from ..settings import Settings
from ..store.remote.places import folder_of, is_url
from ..store.versions import Store, check_name

__all__ = ["completion", "models_of", "versions_of"]

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, files, models and versions.

    For bash, in ~/.bashrc: eval "$(daylight completion bash)"; for zsh, in ~/.zshrc: eval "$(daylight completion zsh)";
    for fish: daylight completion fish > ~/.config/fish/completions/daylight.fish
    """
    program = context.find_root().info_name or "daylight"
    if program != Path(program).name or " " in program:  # python -m service
        raise click.ClickException("shells complete a program by its name: install Daylight, and call `daylight`")
    found = get_completion_class(shell)
    assert found is not None  # SHELLS are those that click has
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"  # where click looks for it
    click.echo(found(context.find_root().command, {}, program, variable).source())


def models_of(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The models of the store whose names begin so; none where the store cannot be read."""
    with suppress(StartupError):
        return [name for name in store_of(context).models() if name.startswith(begun)]
    return []


def versions_of(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The versions of the model that the line names, newest first."""
    with suppress(StartupError, OSError, ValueError):  # a name that no model can have
        versions = store_of(context).versions(check_name(context.params["name"]))
        return [version for version in reversed(versions) if version.startswith(begun)]
    return []


def store_of(context: click.Context) -> Store:
    """The store of the line; of one elsewhere, what was brought from it so far: a shell does not wait for a network."""
    configured = Settings.from_environ()
    place = context.params.get("store") or configured.store
    return Store.of(configured, folder_of(place, configured.store_cache) if is_url(place) else place)
