"""What every request passes on its way in, from the outside inwards; each is pure ASGI.

Pure ASGI, because anything that wraps responses in tasks of its own (`BaseHTTPMiddleware`)
buffers streams and hides that a client has gone.
"""
