"""Leaves out what the installed SDK cannot do."""

from __future__ import annotations

import inngest

collect_ignore = [] if "jitter" in inngest.TriggerCron.model_fields else ["test_crons_with_jitter.py"]
