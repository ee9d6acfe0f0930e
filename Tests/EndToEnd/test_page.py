"""The demo page in a real browser, which acts as two users."""

import json
import time

import pytest

from harness.chromium import Browser
from harness.daemon import GRACE
from harness.tokens import token


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def open_page(browser, serve, services):
    """Serves the demo and opens its page as Alice and Bob: `open_page(tabs=1)`. Its console must stay clean."""
    daemons, opened = {}, []

    def open_it(tabs=1, plugins=("notifications", "rooms"), **tokens):
        if plugins not in daemons:
            daemons[plugins] = serve("--demo", plugins=services(*plugins))
        daemon = daemons[plugins]
        given = {user: token(user, scope="notifications:write") for user in ("alice", "bob")} | tokens
        fragment = "&".join(f"{user}={text}" for user, text in given.items())
        view = View(browser.open(f"{daemon.address}/#{fragment}&tabs={tabs}"), daemon)
        opened.append(view)
        return view

    yield open_it
    for view in opened:
        errors = view.page.errors
        view.page.close()
        assert errors == []


class View:
    """The page by its test ids; a frame is named by its user."""

    def __init__(self, page, daemon):
        self.page, self.daemon = page, daemon

    def one(self, user, test_id, more=""):
        return f"document.querySelector('[data-testid=frame][data-user={user}] [data-testid={test_id}]{more}')"

    def all(self, user, test_id, more=""):
        return f"document.querySelectorAll('[data-testid=frame][data-user={user}] [data-testid={test_id}]{more}')"

    def text(self, user, test_id):
        return self.page.run(f"{self.one(user, test_id)}.textContent")

    def click(self, user, test_id, more=""):
        self.page.wait(
            f"(() => {{ const e = {self.one(user, test_id, more)}; if (!e || e.disabled || e.closest('[hidden]')) "
            "return false; e.click(); return true })()"
        )

    def fill(self, user, test_id, value):
        self.page.run(
            f"(() => {{ const e = {self.one(user, test_id)}; e.value = {json.dumps(value)};"
            " e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: "
            "true})); })()"
        )

    def wait_for_tabs(self, user, count, transport=None):
        """Waits until so many tabs of the user are connected (and on that transport)."""
        more = "[data-state=open]" + (f"[data-transport={transport}]" if transport else "")
        self.page.wait(f"{self.all(user, 'tab', more)}.length === {count}")

    def open_tab(self, user, transports=None):
        if transports:
            self.fill(user, "transport", transports)
        self.click(user, "tab-open")

    def sees(self, user, online):
        """Waits until that user's frame shows the other as online, or not."""
        self.page.wait(f"{self.one(user, 'peer-state')}.dataset.online === '{str(online).lower()}'")

    def push(self, by, to, title):
        for name, value in (("push-to", to), ("push-title", title)):
            self.fill(by, name, value)
        self.click(by, "push-send")

    def wait_for_notification(self, user, title):
        self.page.wait(f"[...{self.all(user, 'notification')}].some(e => e.textContent.includes({json.dumps(title)}))")


def test_both_users_connect_and_their_tabs_upgrade(open_page):
    view = open_page()
    for user in ("alice", "bob"):
        view.wait_for_tabs(user, 1, "websocket")
        assert view.text(user, "user") == user
        view.sees(user, True)
    view.page.wait("document.querySelector('[data-testid=online-count]').textContent === '2'")
    assert "#" not in view.page.run("location.href"), "the tokens stay out of the address bar"


@pytest.mark.parametrize(
    "transports, transport", [("polling", "polling"), ("websocket", "websocket"), ("polling,websocket", "websocket")]
)
def test_a_tab_connects_on_each_way(open_page, transports, transport):
    view = open_page(tabs=0)
    view.open_tab("alice", transports)
    view.wait_for_tabs("alice", 1, transport)


def test_presence_follows_the_tabs(open_page):
    view = open_page()
    view.open_tab("alice")
    view.wait_for_tabs("alice", 2, "websocket")
    view.sees("bob", True)
    view.page.wait(f"{view.one('alice', 'self-state')}.dataset.connections === '2'")
    view.click("alice", "tab-close")
    view.wait_for_tabs("alice", 1)
    time.sleep(3 * GRACE / 1000)
    view.sees("bob", True)
    view.click("alice", "tab-close-all")
    view.sees("bob", False)
    view.open_tab("alice")
    view.sees("bob", True)


def test_a_user_who_has_just_left_is_not_said_to_be_online(open_page):
    view = open_page()
    view.wait_for_tabs("alice", 1)
    view.click("alice", "tab-close-all")
    # In the grace period the page says "offline in a moment"; here the period is too short to test it.
    view.page.wait(f"{view.one('alice', 'self-state')}.textContent === 'offline'")


def test_who_cannot_see_a_user_shows_no_lamp_for_him(open_page):
    view = open_page()
    view.sees("alice", True)
    view.click("alice", "tab-close-all")
    view.page.wait(f"{view.one('alice', 'peer-state')}.textContent === 'cannot see bob: no tab is connected'")
    assert view.page.run(f"{view.one('alice', 'peer-state')}.dataset.online") == "unknown"
    view.open_tab("alice")
    view.sees("alice", True)


def service(view, name):
    """How the panel shows a service: lit, dark or absent."""
    names = "[...document.querySelectorAll('[data-testid=panel] .tag + text')]"
    tag = f"{names}.find(e => e.textContent === '{name}').previousSibling"
    return f"[...{tag}.classList].find(c => c !== 'tag')"


def test_every_service_that_is_loaded_is_patched_in_without_being_asked(open_page):
    view = open_page()
    for name in ("presence", "notifications", "rooms"):
        view.page.wait(f"{service(view, name)} === 'lit'")


def test_a_service_that_is_not_loaded_is_shown_so_and_explained(open_page):
    view = open_page(plugins=("notifications",))
    view.page.wait(f"{service(view, 'rooms')} === 'absent'")
    view.fill("alice", "room-name", "The lounge")
    view.click("alice", "room-create")
    view.page.wait(
        f'{view.one("alice", "room-error")}.textContent === "unknown_event: nothing on this host answers '
        "'room:create': its plugin is not loaded\""
    )
    # The browser's error for a route that is not served.
    view.page.errors[:] = [error for error in view.page.errors if "/v1/rooms" not in error]


@pytest.mark.parametrize(
    "given, words",
    [(None, "has no token"), ("garbage", "is no JWT"), ("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "names no user")],
)
def test_a_frame_says_what_is_wrong_with_its_token(open_page, given, words):
    tokens = {"bob": given} if given else {}
    view = open_page(**tokens)
    if not given:
        view.page.run("sessionStorage.clear()")
        view.page.command("Page.navigate", url=view.daemon.address + "/")
        view.page.wait("document.readyState === 'complete' && document.querySelector('[data-testid=frame]') !== null")
    problem = "document.querySelector('[data-testid=frame][data-slot=\"2\"] [data-testid=token-problem]')"
    view.page.wait(f"{problem}?.textContent.includes({json.dumps(words)}) && !{problem}.closest('[hidden]')")


def test_a_notification_to_an_online_user_appears_at_once(open_page):
    view = open_page()
    view.wait_for_tabs("bob", 1)
    view.push("alice", "bob", "Are you there?")
    view.wait_for_notification("bob", "Are you there?")
    view.page.wait(f"{view.one('alice', 'push-delivered')}.dataset.delivered === 'true'")
    view.page.wait(f"{view.one('bob', 'unread')}.textContent === '1'")
    view.click("bob", "notification-read")
    view.page.wait(f"{view.one('bob', 'unread')}.textContent === '0'")
    view.page.wait(f"{view.all('bob', 'notification', '[data-read=true]')}.length === 1")


def test_a_notification_to_an_offline_user_waits_for_him(open_page):
    view = open_page()
    view.wait_for_tabs("bob", 1, "websocket")
    view.click("bob", "tab-close-all")
    view.sees("alice", False)
    view.push("alice", "bob", "When you are back")
    view.page.wait(f"{view.one('alice', 'push-delivered')}.dataset.delivered === 'false'")
    view.open_tab("bob")
    view.wait_for_notification("bob", "When you are back")
    view.page.wait(f"{view.one('bob', 'unread')}.textContent === '1'")


def test_two_users_talk_in_a_room(open_page):
    view = open_page()
    view.wait_for_tabs("alice", 1), view.wait_for_tabs("bob", 1)
    view.fill("alice", "room-name", "The lounge")
    view.click("alice", "room-create")
    view.page.wait(f"{view.one('alice', 'room-members')}.textContent.includes('alice')")
    view.page.wait(f"[...{view.one('bob', 'room-select')}.options].some(o => o.textContent === 'The lounge')")
    view.click("bob", "room-join")
    view.page.wait(f"{view.one('alice', 'room-members')}.textContent.includes('bob')")
    for by, to, words in (("alice", "bob", "Hello Bob"), ("bob", "alice", "<b>Hello</b> Alice & all")):
        view.fill(by, "room-body", words)
        view.click(by, "room-send")
        for user in (by, to):
            view.page.wait(
                f"[...{view.all(user, 'room-message')}].filter(e => "
                f"e.textContent.includes({json.dumps(words)})).length === 1"
            )


@pytest.mark.parametrize("kind", ["missing", "malformed", "signature", "algorithm"])
def test_knocking_with_a_wrong_token_shows_the_code(open_page, kind):
    view = open_page()
    view.fill("alice", "wrong-kind", kind)
    view.click("alice", "wrong-token")
    view.page.wait(f"{view.one('alice', 'refusal-code')}.textContent === 'token_{kind}'")


def test_a_cut_cable_is_plugged_in_again(open_page):
    view = open_page()
    view.wait_for_tabs("alice", 1, "websocket")
    view.click("alice", "tab-cut")
    view.page.wait(f"{view.all('alice', 'tab', '[data-state=open]')}.length === 0")
    view.wait_for_tabs("alice", 1)


def test_the_page_reconnects_after_the_daemon_was_killed(open_page):
    view = open_page()
    view.wait_for_tabs("alice", 1), view.wait_for_tabs("bob", 1)
    view.daemon.kill()
    view.page.wait(f"{view.all('alice', 'tab', '[data-state=open]')}.length === 0")
    view.daemon.start("--demo")
    view.wait_for_tabs("alice", 1), view.wait_for_tabs("bob", 1)
    view.push("alice", "bob", "We are back")
    view.wait_for_notification("bob", "We are back")
    # The browser's errors about a server that was stopped are not errors of the page.
    view.page.errors[:] = [
        error
        for error in view.page.errors
        if "ERR_CONNECTION_REFUSED" not in error and "ERR_" not in error and "WebSocket" not in error
    ]


def test_every_packet_is_on_the_wire_log(open_page):
    view = open_page()
    view.wait_for_tabs("alice", 1, "websocket")
    transports = view.page.run(
        "[...new Set([...document.querySelectorAll('[data-testid=log-row]')].map(e => e.dataset.transport))].sort()"
    )
    assert {"polling", "websocket"} <= set(transports)
