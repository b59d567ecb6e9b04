"""The administrator's pages of the generators.

generator_admin   the list and the form
base              what the pages have in common
stating           publishing, choosing, retiring and bringing back, each confirmed on a page
trying            the panel of the form that web/tryout answers
"""

from .generator_admin import GeneratorAdmin

__all__ = ["GeneratorAdmin"]
