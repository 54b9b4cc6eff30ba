"""What the API says about itself: the OpenAPI document, built from the routes, and the page that shows it."""
