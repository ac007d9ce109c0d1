"""The chat of a text model in a real browser: branches, what is kept, and that nothing a model writes is markup."""

import json

import pytest

from tests.support.browsing import browser, needs_chromium, open_page

__all__ = ["browser", "open_page"]  # fixtures: pytest finds them by name

pytestmark = needs_chromium
MARKUP = "<img src=x onerror=alert(1)> **bold** [no](javascript:alert(1)) [yes](https://example.org)\n\n- one\n- `two`"


@pytest.fixture
def pane(open_page, page_url):
    pane = open_page(f"{page_url}/models/tiny").locator("[data-pane=chat]")
    pane.get_by_label("Tokens at most").fill("5")
    return pane


def say(pane, text):
    """Send a message, and wait for the end of the answer."""
    pane.get_by_label("Your message", exact=True).fill(text)
    pane.get_by_role("button", name="Send", exact=True).click()
    pane.locator(".turn").last.get_by_role("button", name="Regenerate").wait_for()


def broken_off(page, content, *, done=False):
    """Have the next answer hold this text, and no end unless `done`."""
    chunk = {"choices": [{"delta": {"content": content}, "finish_reason": "stop" if done else None}]}
    body = f"data: {json.dumps(chunk)}\n\n" + ("data: [DONE]\n\n" if done else "")
    answer = {"status": 200, "content_type": "text/event-stream", "body": body}
    page.route("**/v1/chat/completions", lambda route: route.fulfill(**answer), times=1)


def test_turns_are_sent_with_their_history_and_can_be_edited_into_a_branch(pane):
    say(pane, "one")
    with pane.page.expect_request("**/v1/chat/completions") as told:
        say(pane, "two")
    messages = told.value.post_data_json["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    first = pane.locator(".turn").first
    first.get_by_role("button", name="Edit").click()
    pane.get_by_label("Your message, edited").fill("three")
    first.get_by_role("button", name="Send").click()
    pane.get_by_text("2 of 2").wait_for()
    pane.locator(".turn.assistant").get_by_role("button", name="Regenerate").wait_for()
    assert pane.locator(".turn").count() == 2
    pane.locator(".turn").first.get_by_role("button", name="Branch before").click()
    assert pane.locator(".turn").count() == 4
    assert pane.locator(".turn .text").first.inner_text() == "one"
    pane.page.reload()
    assert pane.locator(".turn").count() == 4
    pane.get_by_role("button", name="New chat").click()
    assert pane.locator(".turn").count() == 0


def test_what_was_written_stays_when_the_connection_dies(pane):
    """The text was wiped, and only the error left."""
    broken_off(pane.page, "Half a sen")
    say(pane, "Tell me")
    turn = pane.locator(".turn.assistant")
    assert "Half a sen" in turn.locator(".text").inner_text()
    assert "broke off" in turn.get_by_role("alert").inner_text()
    with pane.page.expect_request("**/v1/chat/completions") as told:
        turn.get_by_role("button", name="Continue").click()
    assert told.value.post_data_json["messages"][1] == {"role": "assistant", "content": "Half a sen"}


def test_what_a_model_writes_is_shown_as_markdown_and_never_as_markup(pane):
    broken_off(pane.page, MARKUP, done=True)
    say(pane, "Go")
    text = pane.locator(".turn.assistant .text")
    assert text.locator("img").count() == 0
    assert text.locator("strong").inner_text() == "bold"
    assert text.locator("a").evaluate_all("links => links.map((link) => link.href)") == ["https://example.org/"]
    assert text.locator("li").count() == 2
    assert "<img" in text.inner_text()


def test_what_the_server_refuses_is_marked_at_its_field(pane):
    pane.get_by_label("Temperature").fill("-1")
    pane.get_by_label("Your message", exact=True).fill("Hello")
    pane.get_by_label("Your message", exact=True).press("Enter")
    pane.locator('[data-parameter="temperature"]').get_by_text("expected").wait_for()
    assert pane.locator(".turn").count() == 2


def test_the_call_shown_holds_the_history_without_the_answer_to_it(pane):
    say(pane, 'It\'s "one"')
    shown = pane.locator("[data-title=OpenAI] code").text_content()
    assert '"content": "It\'s \\"one\\""' in shown
    assert "assistant" not in shown
    assert "max_tokens=5" in shown


def test_a_wrong_parameter_sends_nothing_whichever_way_it_is_asked(pane):
    """Edited messages and "Continue" put a turn into the chat that nothing answered."""
    broken_off(pane.page, "Half a sen")
    say(pane, "one")
    pane.get_by_text("More", exact=True).click()
    pane.get_by_label("JSON Schema of the answer").fill("{")
    pane.get_by_text("More", exact=True).click()
    first = pane.locator(".turn").first
    first.get_by_role("button", name="Edit").click()
    pane.get_by_label("Your message, edited").fill("two")
    first.get_by_role("button", name="Send").click()
    schema = pane.get_by_label("JSON Schema of the answer")  # folded away until now
    assert schema.is_visible()
    assert schema.evaluate("field => field === document.activeElement && field.ariaInvalid === 'true'")
    first.get_by_role("button", name="Leave it").click()
    for way in ("Continue", "Regenerate"):
        pane.locator(".turn.assistant").get_by_role("button", name=way).click()
        assert pane.locator(".turn").count() == 2
    pane.get_by_label("Your message", exact=True).fill("three")
    pane.get_by_role("button", name="Send", exact=True).click()
    assert pane.locator(".turn").count() == 2
    assert pane.get_by_label("Your message", exact=True).input_value() == "three"


def test_a_chat_that_the_browser_cannot_keep_goes_on_and_says_so(pane):
    """Where the storage was full, the first turn ended the script."""
    pane.page.evaluate("() => { Storage.prototype.setItem = () => { throw new DOMException('full'); }; }")
    say(pane, "one")
    assert pane.get_by_text("too long to survive a reload").is_visible()
    say(pane, "two")
    assert pane.locator(".turn").count() == 4


def test_an_answer_is_copied_as_it_was_written_where_there_is_no_clipboard(pane):
    pane.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    pane.page.evaluate("() => addEventListener('copy', () => (window.copied = document.activeElement.value))")
    broken_off(pane.page, "**bold**", done=True)
    say(pane, "Go")
    pane.locator(".turn.assistant").get_by_role("button", name="Copy").click()
    pane.get_by_text("Copied", exact=True).wait_for()
    assert pane.page.evaluate("window.copied") == "**bold**"
