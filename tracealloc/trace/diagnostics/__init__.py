"""Errors with a place, a reason and a cure; the catalogue of their codes; whose frame it is."""
