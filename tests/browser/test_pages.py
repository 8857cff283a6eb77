"""The way from page to page, whatever the line is like."""

from playwright.sync_api import expect

from tests.browser.driver import Visit

SLOW = """(() => {  // what the server says waits from __hold() until __release(), and then comes one message at a time
  const { prototype } = WebSocket, { addEventListener } = prototype, late = [];
  let held = false;
  prototype.addEventListener = function (type, listener, ...rest) {
    const heard = type !== 'message' ? listener : (event) => (held ? late.push(() => listener(event)) : listener(event));
    addEventListener.call(this, type, heard, ...rest);
  };
  window.__hold = () => { held = true; };
  window.__release = async () => {
    for (; late.length; await new Promise((done) => setTimeout(done))) late.shift()();
    held = false;
  };
})()"""


def test_presses_that_are_faster_than_the_answers(app, visit):
    page = visit("about:blank")
    page.add_init_script(SLOW)
    Visit(page).open(f"{app.url}/")
    page.evaluate("__hold()")
    for name in ("Train", "Train", "Train", "Explore"):
        page.locator(".st-key-nav a", has_text=name).click()
        page.wait_for_timeout(1500)  # the server has answered; the line has not brought it yet
    page.evaluate("__release()")
    expect(page.locator("[data-testid=stage][data-seq]")).to_be_visible()
    page.locator(".st-key-nav a", has_text="Library").click()
    expect(page.locator(".st-key-library .le-book").first).to_be_visible()
