"""The report page and the comparison page in HTML: page data first, templates last."""
