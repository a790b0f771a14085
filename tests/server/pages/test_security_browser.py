"""A browser refuses what the policy of pages forbids; that none meets it is in `test_accessibility`."""

from support.page_checks import Gallery


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
