"""How the page of today says things: each matter that needs a person, where it is dealt with, and each change."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from tocsin.node.records import AuditAction
from tocsin.server.pages.today.figures import Matter, OpenMatter, Today
from tocsin.server.pages.words import N_, NN_, PageTexts

NEEDS: Final[Mapping[Matter, tuple[str, str]]] = {
    Matter.STOPPED: NN_("All telling is stopped", "All telling is stopped"),
    Matter.BRAKE: NN_("The brake holds %(n)s mail", "The brake holds %(n)s mails"),
    Matter.FAILED: NN_("%(n)s team could not be told", "%(n)s teams could not be told"),
    Matter.STUCK: NN_("%(n)s mail must be encrypted and cannot be", "%(n)s mails must be encrypted and cannot be"),
    Matter.NO_ADDRESS: NN_(
        "%(name)s: no email address, %(n)s event waits", "%(name)s: no email address, %(n)s events wait"
    ),
    Matter.OVERDUE: NN_("%(n)s team waits for a mail that was due", "%(n)s teams wait for mails that were due"),
    Matter.HELD: NN_("%(n)s mail is held", "%(n)s mails are held"),
    Matter.SET_ASIDE: NN_("%(n)s row could not be read", "%(n)s rows could not be read"),
    Matter.FEEDS: NN_("%(n)s feed is not as usual", "%(n)s feeds are not as usual"),
    Matter.COLLECTORS: NN_("%(n)s collector fails", "%(n)s collectors fail"),
    Matter.GIVEN_UP: NN_(
        "%(name)s gave up %(what)s (%(n)s open problem)", "%(name)s gave up %(what)s (%(n)s open problems)"
    ),
    Matter.UNROUTED: NN_("%(n)s event has no contact (last 24 hours)", "%(n)s events have no contact (last 24 hours)"),
    Matter.WITHHELD: NN_("%(n)s event withheld (last 24 hours)", "%(n)s events withheld (last 24 hours)"),
    Matter.UNANSWERED: NN_(
        "%(n)s problem goes on and nobody has answered", "%(n)s problems go on and nobody has answered"
    ),
    Matter.MAILS: NN_("%(n)s mail that came in needs a reader", "%(n)s mails that came in need a reader"),
    Matter.INBOX: NN_("%(n)s report of the public has no owner", "%(n)s reports of the public have no owner"),
    Matter.CLAIMS: NN_("%(n)s claim waits for a decision", "%(n)s claims wait for a decision"),
    Matter.CONFLICTS: NN_("%(n)s conflict in the directory is open", "%(n)s conflicts in the directory are open"),
    Matter.KEYS: NN_("%(n)s key of a team ends within 30 days", "%(n)s keys of teams end within 30 days"),
}
"""Each matter for one and for several."""

LINKS: Final[Mapping[Matter, str]] = {
    Matter.STOPPED: "/deliveries/sending",
    Matter.BRAKE: "/deliveries/sending",
    Matter.FAILED: "/deliveries?show=trouble",
    Matter.STUCK: "/deliveries?show=trouble",
    Matter.NO_ADDRESS: "/teams/%(key)s/change?act=assert&kind=mailbox#value",
    Matter.OVERDUE: "/deliveries/due",
    Matter.HELD: "/deliveries?show=held",
    Matter.SET_ASIDE: "/reports/quarantine",
    Matter.FEEDS: "/reports/feeds",
    Matter.COLLECTORS: "/reports/collectors",
    Matter.GIVEN_UP: "/today/given-up",
    Matter.UNROUTED: "/today/unrouted",
    Matter.WITHHELD: "/today/withheld",
    Matter.UNANSWERED: "/today/unanswered",
    Matter.MAILS: "/today/mails",
    Matter.INBOX: "/reports/public",
    Matter.CLAIMS: "/claims",
    Matter.CONFLICTS: "/conflicts",
    Matter.KEYS: "/today/keys",
}
"""Where each is dealt with; ``key``: the team that it is about."""

CHANGES: Final[Mapping[str, str]] = {
    AuditAction.NETWORKS_LOADED: N_("A table of networks was loaded"),
    AuditAction.QUARANTINE_REPLAYED: N_("Rows that were set aside were read again"),
    AuditAction.QUARANTINE_MENDED: N_("Rows that were set aside were mended"),
    AuditAction.QUARANTINE_LEFT: N_("Rows stay aside, as a person said"),
    AuditAction.EVENTS_NOTIFIED: N_("Stored events were routed again"),
    AuditAction.ITEM_ACCEPTED: N_("A to-do item was accepted as it is"),
    AuditAction.COLLECTOR_FAILED: N_("A collector does not work any more"),
    AuditAction.COLLECTOR_RECOVERED: N_("A collector works again"),
    AuditAction.FEED_CHANGED: N_("How often a feed comes was changed"),
    AuditAction.ALARM_OPENED: N_("A feed is not as usual"),
    AuditAction.ALARM_CLOSED: N_("A feed is as usual again"),
    AuditAction.ALARM_ACKNOWLEDGED: N_("Somebody looked at a feed that is not as usual"),
    AuditAction.DIRECTORY_IMPORTED: N_("Teams were imported"),
    AuditAction.TEAM_SET: N_("A team was changed"),
    AuditAction.LIMIT_ASKED: N_("A team was asked to raise its maximum TLP"),
    AuditAction.PROFILE_ISSUED: N_("A team's profile was issued"),
    AuditAction.ASSERTION_MADE: N_("Somebody said what is a team's"),
    AuditAction.ASSERTION_DENIED: N_("Somebody said what is not a team's"),
    AuditAction.ASSERTION_WITHDRAWN: N_("A word about a team was taken back"),
    AuditAction.CONFLICT_DECIDED: N_("A conflict was decided"),
    AuditAction.DECISION_WITHDRAWN: N_("A decision was taken back"),
    AuditAction.CONTACT_CONFIRMED: N_("A mailbox was confirmed or denied by its holder"),
    AuditAction.CLAIM_MADE: N_("An operator claimed a network"),
    AuditAction.CLAIM_PROVED: N_("An operator showed that a claim is right"),
    AuditAction.CLAIM_APPROVED: N_("A claim was approved"),
    AuditAction.CLAIM_REFUSED: N_("A claim was refused"),
    AuditAction.TEAM_MERGED: N_("Two teams were merged"),
    AuditAction.TEAM_UNMERGED: N_("A merge was undone"),
    AuditAction.MERGE_REFUSED: N_("Two teams are not one, as a person said"),
    AuditAction.DELEGATIONS_IMPORTED: N_("A registry's delegations were loaded"),
    AuditAction.KEY_IMPORTED: N_("A key of a team came in"),
    AuditAction.KEY_WITHDRAWN: N_("A key of a team is not used any more"),
    AuditAction.NODE_KEY_SET: N_("This node has a new key"),
    AuditAction.DELIVERY_FAILED: N_("A mail was given up"),
    AuditAction.DELIVERY_RELEASED: N_("A held mail was let go"),
    AuditAction.DELIVERY_DROPPED: N_("A held mail was dropped"),
    AuditAction.DELIVERY_EXPIRED: N_("News became too old to be told"),
    AuditAction.DELIVERY_STUCK: N_("A mail must be encrypted and cannot be"),
    AuditAction.LETTER_FAILED: N_("A letter was given up"),
    AuditAction.TELLING_STOPPED: N_("All telling was stopped"),
    AuditAction.TELLING_RESUMED: N_("Telling goes on again"),
    AuditAction.BRAKE_PULLED: N_("The brake stopped more mails than usual"),
    AuditAction.BRAKE_RELEASED: N_("The brake was released"),
    AuditAction.ANSWER_RECORDED: N_("A team answered"),
    AuditAction.MAIL_DECIDED: N_("Somebody said what a mail is about"),
    AuditAction.RETENTION_APPLIED: N_("What was too old was deleted"),
    AuditAction.BACKUP_MADE: N_("A backup was made"),
    AuditAction.BACKUP_CHECKED: N_("A backup was read back"),
    AuditAction.BACKUP_RESTORED: N_("This node was made from a backup"),
    AuditAction.BACKUP_REHEARSED: N_("A restore was rehearsed elsewhere"),
    AuditAction.DRAFT_IMPORTED: N_("A draft was imported"),
    AuditAction.DRAFT_CHANGED: N_("A draft was changed"),
    AuditAction.ASSESSMENT_CHANGED: N_("An assessment was changed"),
    AuditAction.MUTE_SET: N_("A team does not want to be told of something"),
    AuditAction.MUTE_ENDED: N_("A team is told of something again"),
    AuditAction.DELIVERY_HELD: N_("Somebody holds a mail back"),
    AuditAction.DELIVERY_RETRIED: N_("Somebody lets a mail be tried again"),
    AuditAction.DELIVERY_REPEATED: N_("Somebody has a mail sent again"),
    AuditAction.RULES_CHANGED: N_("New rules are in force"),
    AuditAction.INBOX_RECEIVED: N_("Somebody outside reported something"),
    AuditAction.INBOX_ADDED: N_("A reporter added a message"),
    AuditAction.INBOX_TAKEN: N_("The owner of a public report changed"),
    AuditAction.INBOX_MOVED: N_("The state of a public report changed"),
    AuditAction.INBOX_ANSWERED: N_("A reporter was answered"),
    AuditAction.INBOX_NOTED: N_("A note was kept with a public report"),
    AuditAction.INBOX_SENT_ON: N_("An event was made of a public report"),
    AuditAction.HELP_TEXT_ADOPTED: N_("A help text for the public was adopted"),
    AuditAction.INBOX_ERASED: N_("A public report was deleted on request"),
    AuditAction.EVENTS_EXPORTED: N_("Events were exported"),
    AuditAction.PERSON_INVITED: N_("Somebody was invited"),
    AuditAction.INVITATION_WITHDRAWN: N_("An invitation was withdrawn"),
    AuditAction.PERSON_JOINED: N_("Somebody has an account now"),
    AuditAction.PERSON_CHANGED: N_("An account was changed"),
    AuditAction.PERSON_BLOCKED: N_("An account was blocked"),
    AuditAction.PERSON_UNBLOCKED: N_("An account is open again"),
    AuditAction.PERSON_REMOVED: N_("An account was removed"),
    AuditAction.PASSWORD_CHANGED: N_("A password was changed"),
    AuditAction.FACTOR_CHANGED: N_("A second factor was changed"),
    AuditAction.CONTENT_PURGED: N_("Something that must not be here was purged"),
    AuditAction.WORDS_ERASED: N_("A reason or a name beside the audit log was erased"),
    AuditAction.TOKEN_MADE: N_("A token for a program was made"),
    AuditAction.TOKEN_REVOKED: N_("A token of a program was taken back"),
}
"""What each word of the audit log says; one that is missing is shown as it is."""


def headline(need: OpenMatter, words: PageTexts) -> str:
    """One matter in words."""
    return words.count(*NEEDS[need.matter], need.count, name=need.team[1], what=need.what)


def link(need: OpenMatter) -> str:
    """Where it is dealt with."""
    return LINKS[need.matter] % {"key": quote(need.team[0])} if need.team[0] else LINKS[need.matter]


def title(today: Today, words: PageTexts) -> str:
    """The state in one sentence: the one matter itself, or how many there are."""
    if not today.heard:
        return words.say(N_("Nothing was heard yet"))
    if not today.needs:
        return words.say(N_("Nothing needs a person"))
    if len(today.needs) == 1:
        (need,) = today.needs
        return headline(need, words)
    return words.count(*NN_("%(n)s matter needs a person", "%(n)s matters need a person"), len(today.needs))
