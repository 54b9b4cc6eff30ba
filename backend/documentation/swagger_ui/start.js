// A file of its own, for the page's Content-Security-Policy lets no script run that stands in the page.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  displayRequestDuration: true,
  // A token that was pasted here is forgotten with the page.
  persistAuthorization: false,
  // Otherwise the document would be sent to a service that judges it.
  validatorUrl: null,
});
