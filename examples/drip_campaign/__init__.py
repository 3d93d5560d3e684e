"""An app whose users get a drip campaign, with functions of the Inngest Python SDK."""
