"""The page shows an event once even if the stream delivers it twice, as a gateway that retries may do."""

import httpx
from playwright.sync_api import expect

from tests.page.conftest import OpenPage
from tests.support.sample_items import created, some_name

REPEAT_EVENTS = """
const answered = fetch;
window.fetch = async (address, options) => {
    const response = await answered(address, options);
    if (!String(address).includes("events/stream")) return response;
    const twice = new TransformStream({
        transform(chunk, out) {
            out.enqueue(chunk);
            const blocks = new TextDecoder().decode(chunk).split("\\n\\n").slice(0, -1);
            const events = blocks.filter((block) => block.startsWith("id: ") && block.includes("\\ndata: "));
            for (const event of events) out.enqueue(new TextEncoder().encode(event + "\\n\\n"));
        },
    });
    return new Response(response.body.pipeThrough(twice), response);
};
"""


def test_an_event_that_the_stream_repeats_is_shown_once(town: str, town_api: httpx.Client, open_page: OpenPage) -> None:
    page = open_page(f"{town}/?view=log", prepare=lambda page: page.add_init_script(REPEAT_EVENTS))
    expect(page.get_by_role("status").first).to_have_text("Live")
    name = some_name("Repeated")
    for number in range(3):
        created(town_api, name=f"{name} {number}")
    first = page.locator(".events.log li").first
    expect(first).to_contain_text(f"{name} 2")
    created(town_api, name=f"{name} at the end")
    expect(first).to_contain_text(f"{name} at the end")
    for number in range(3):
        expect(page.locator(".events.log li", has_text=f"{name} {number}")).to_have_count(1)
