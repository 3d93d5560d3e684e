"""Invoices for an accounting service that allows so many calls in a time, with functions of the Inngest Python SDK."""
