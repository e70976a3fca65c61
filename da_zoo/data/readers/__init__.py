"""Readers: one file each, all leaving :class:`~da_zoo.data.domain_data.DomainData`."""
