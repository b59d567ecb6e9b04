"""The administrator's pages of the language models.

config_admin   the list and the form
columns        what the list knows of each row beside the row
trying         testing a connection and fetching models, with what was entered and not saved
switching      activating, deactivating and rolling back, each confirmed on a page
requesting     requests for activation, and deciding about them
comparing      what answers now beside what would
"""

from .config_admin import LLMConfigAdmin

__all__ = ["LLMConfigAdmin"]
