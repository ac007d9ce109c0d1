"""Chat templates come with a checkpoint, so nothing in them may run long, take memory or lead out of the sandbox."""

import time

import jinja2
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from service.models.template_sandbox import GenerationBlocks, TemplateSandbox, bounded

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": " Hello "}]


def render(source, **variables):
    extensions = ["jinja2.ext.loopcontrols", GenerationBlocks]
    options = {"trim_blocks": True, "lstrip_blocks": True, "extensions": extensions}
    with bounded():
        return TemplateSandbox(**options).from_string(source).render(**variables)


ENDLESS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(999) %}{{ range(99999)|list|length }}{% endfor %}",
    "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) if n else '' }}{% endmacro %}{{ f(60) }}",
    "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x=3) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ [0] * 10**9 }}",
    "{{ 10**(10**10) }}",
    "{{ 'x'.center(10**9) }}",
    "{{ 'x'.zfill(10**9) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ ('x' * 10**6).replace('x', 'y' * 10**6) }}",
    "{{ ('x' * 10**6)|replace('x', 'y' * 10**6) }}",
    "{% set x = 'x' * 10**6 %}{{ [x, x, x, x]|join }}",
    "{% set x = 'x' * 10**6 %}{{ ''.join([x, x, x, x]) }}",
    "{% set x = 'x' * 10**6 %}{{ x }}{{ x }}{{ x }}{{ x }}",
    "{% set x = 'x' * 10**6 %}{% macro f() %}{{ x }}{{ x }}{{ x }}{{ x }}{% endmacro %}{{ f()|length }}",
    "{% set x = 'x' * 10**6 %}{% set y %}{{ x }}{{ x }}{{ x }}{{ x }}{% endset %}{{ y|length }}",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_a_template_without_end_or_of_great_size_is_stopped(source):
    began = time.monotonic()
    with pytest.raises((SecurityError, RecursionError)):
        render(source)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["lipsum(n=10**9)", "'x'|center(10**9)", "'x'|indent(10**9)", "[1]|batch(10**9, 0)"])
def test_what_no_chat_template_needs_is_not_there(name):
    with pytest.raises(jinja2.TemplateError):
        render(f"{{{{ {name} }}}}")


@pytest.mark.parametrize(
    "source",
    ["{{ ''.__class__.__mro__ }}", "{{ messages.append(1) }}", "{{ ().__class__.__base__.__subclasses__() }}"],
)
def test_the_sandbox_of_jinja_still_holds(source):
    with pytest.raises((SecurityError, jinja2.UndefinedError)):
        render(source, messages=[])


SOUND = [
    "{% for m in messages %}{{ loop.index0 }}{{ '<' ~ m['role'] ~ '>' + m.content|trim }}"
    "{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for m in messages if m.role != 'system' %}{{ loop.length }}{{ m.content.strip() }}{% else %}none{% endfor %}",
    "{% for k, v in messages[0].items() %}{{ k }}={{ v|tojson }}{% endfor %}{{ messages|length }}",
    "{% for m in missing %}x{% else %}nobody{% endfor %}{{ messages|map(attribute='role')|join(', ') }}",
    "{% macro f(x) %}[{{ x|upper }}]{% endmacro %}{{ f('a') }}"
    "{{ messages[1:]|selectattr('role', 'equalto', 'user')|list|length }}{{ missing is defined }}",
    "{% set n = namespace(x=0) %}{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}"
    "{% set n.x = n.x + 1 %}{% endfor %}{{ n.x }}",
    "{{ 'a-b'.split('-')[-1] }}{{ 'ab'.replace('a', 'c', 1) }}{{ 7 % 4 }}{{ 2 ** 3 }}"
    "{{ ['x', 'y']|join('-') }}{{ 'x' if 'x' in 'xyz' }}",
]


@pytest.mark.parametrize("source", SOUND)
def test_sound_templates_render_as_in_jinja(source):
    options = {"trim_blocks": True, "lstrip_blocks": True, "extensions": ["jinja2.ext.loopcontrols"]}
    wanted = ImmutableSandboxedEnvironment(**options).from_string(source).render(messages=MESSAGES)
    assert render(source, messages=MESSAGES) == wanted


def test_blocks_that_mark_what_is_learned_are_text_like_any_other():
    """Templates for training have them; they once were a syntax error, and such a checkpoint had no chat."""
    source = (
        "{% for message in messages %}{% if message.role == 'system' %}{{ message.content }}{% else %}"
        "{% generation %}{% set mark = '|' %}{{ message.content | trim }}{{ mark }}{% endgeneration %}{{ mark }}"
        "{% endif %}{% endfor %}"
    )
    assert render(source, messages=MESSAGES) == "Be brief.Hello|"
    with pytest.raises(jinja2.TemplateSyntaxError):
        render("{% generation %}never ended", messages=MESSAGES)
