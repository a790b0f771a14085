"""No page asks a browser for what its own policy forbids, and none breaks: all pages, as their readers open them."""

from support.page_checks import Gallery


def test_no_page_meets_its_own_policy_or_breaks(rooms: Gallery) -> None:
    """OWASP ASVS 3.4.3: what the Content-Security-Policy refuses is nothing of ours."""
    wrong = []
    for role, pages in rooms.by_role().items():
        with rooms.eyes(role) as page:
            page.listen()
            for seen in pages:
                page.complaints.clear()
                page.open(f"{rooms.address}{seen.path}")
                page.read("1")  # what was said until here has been heard then
                wrong += [(seen.path, one) for one in page.complaints if "404 (Not Found)" not in one]
    assert wrong == []


def test_a_script_from_within_a_page_does_not_run(rooms: Gallery) -> None:
    """The policy itself: markup that got in somehow would do nothing."""
    role = next(role for role, pages in rooms.by_role().items() if pages)
    with rooms.eyes(role) as page:
        page.listen()
        page.open(f"{rooms.address}/help")
        page.read(
            """document.body.innerHTML = '<img src="x:" onerror="window.ran = 1"><script>window.ran = 2</script>'"""
        )
        page.read(
            """document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 3'}))"""
        )
        assert page.read("window.ran") is None
        assert any("Content Security Policy" in one for one in page.complaints)
