"""The words of a language: templates and advice as files, checked when they are loaded.

A language is a folder: ``subject.txt``, ``sentence.txt`` and ``digest.txt`` (Jinja2), ``words.toml``, and
``advice/TOPIC.txt`` for each topic of ``topics.toml``; for the public ``help/KIND.txt``, what to do now, and
``answers/NAME.txt``, answers to reporters; ``incident/NAME.txt``, mails to parties of incidents. Five are shipped; a
node's own files, in ``templates/LANGUAGE`` of its home folder, take the place of those one by one.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.delivery.texts.files import FaultError, IncidentTemplate, read_help
    from tocsin.delivery.texts.gaps import check_filled, gaps_of
    from tocsin.delivery.texts.load import (
        Texts,
        answer_templates,
        faults,
        in_english,
        incident_templates,
        open_text_folders,
        texts_for,
    )
    from tocsin.delivery.texts.template_context import DigestText, TopicText
    from tocsin.delivery.texts.text_folders import (
        SHIPPED,
        TextFolders,
        is_for_the_public,
        name_of,
        public_names,
        text_names,
    )
else:
    lazy_face(__name__)
