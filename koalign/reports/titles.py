"""titles: the rows of a run's results -> what they are called in tables and on pages."""

from __future__ import annotations

ROW_TITLES = {
    "base": "base",
    "sft": "sft",
    "sft_plateau": "sft to its plateau",
    "dpo": "dpo",
    "rft": "rft: sft on chosen",
    "solve": "solve",
    "votes_written": "votes, equal written",
    "votes_total": "votes, equal total",
    "mismatched": "mismatched hints",
    "base_hinted": "base with the hints",
    "policy_hinted": "policy with the hints",
    "reasoning": "own reasoning",
    "passages": "dpo with passages",
    "passages_votes_written": "passages: equal written",
    "passages_votes_total": "passages: equal total",
    "passages_mismatched": "passages: another's",
    "reader": "reader with passages",
    "reader_votes_written": "reader: equal written",
    "reader_votes_total": "reader: equal total",
    "reader_mismatched": "reader: another's",
}
"""Rows of a run's results."""
