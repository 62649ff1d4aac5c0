"""The HTML report and the HTML comparison: page data first, templates last."""
