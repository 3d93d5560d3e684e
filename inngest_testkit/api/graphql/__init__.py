"""GraphQL over HTTP: the queries of the server's `/v0/gql`, and the Core API."""
