"""Collectors fetch reports from where they wait, on a schedule, and hand them to the pipeline."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.pipeline.collectors.folder import take_in_folder
    from tocsin.pipeline.collectors.kinds import (
        CollectedOffer,
        CollectorKind,
        CollectorSettings,
        WaitingReport,
        kind_of,
        kinds,
        read_collectors,
    )
    from tocsin.pipeline.collectors.misp import MispSettings
    from tocsin.pipeline.collectors.misp_server import MispError, MispServer, MispServerSettings, open_misp
    from tocsin.pipeline.collectors.models import CollectorState
    from tocsin.pipeline.collectors.of_feeds import (
        COLLECTOR,
        SECRET,
        FeedCollector,
        added_collectors,
        collector_mistakes,
        collector_path,
        feed_collector,
        node_collectors,
    )
    from tocsin.pipeline.collectors.run import CollectorRun, retry_refused, run_collector, would_take
    from tocsin.pipeline.collectors.spool import file_name
    from tocsin.pipeline.collectors.state import (
        CollectorStatus,
        collector_problems,
        purge_refused,
        refusals,
        standings,
    )
    from tocsin.pipeline.collectors.trust import tls_context
    from tocsin.pipeline.collectors.web import DownloadLimits, body, client, requested
else:
    lazy_face(__name__)
