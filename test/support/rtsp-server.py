"""An RTSP camera for tests: plays an H.264 clip (MP4) in real time at rtsp://127.0.0.1:PORT/cam, with Basic, Digest or no login.

usage: rtsp-server.py PORT CLIP (none | basic:USER:PASSWORD | digest:USER:PASSWORD) [opus | pcmu | pcma | aac]
Sound is a tone made here; for aac it is the clip's own.
Port 0 takes a free one. Prints "ready PORT" once it listens. Needs GStreamer's RTSP server and its Python bindings from apt.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


TONE = "audiotestsrc is-live=true freq=440 ! audioconvert ! audioresample ! "
SOUND = {
    "": "",
    "opus": TONE + "audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay name=pay1 pt=97 ",
    "pcmu": TONE + "audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 ",
    "pcma": TONE + "audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 ",
    "aac": "d. ! queue ! aacparse ! identity sync=true ! rtpmp4gpay name=pay1 pt=97 ",
}


def login(server, factory, words):
    method, user, password = words.split(":", 2)
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth = GstRtspServer.RTSPAuth()
    if method == "basic":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
    permissions.add_permission_for_role("viewer", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, True)
    factory.set_permissions(permissions)


def main(port, clip, words, sound=""):
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( filesrc location={clip} ! qtdemux name=d d. ! queue ! h264parse config-interval=-1 "
        f"! identity sync=true ! rtph264pay name=pay0 pt=96 {SOUND[sound]})"
    )
    factory.set_shared(True)
    if words != "none":
        login(server, factory, words)
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} is taken")
    print(f"ready {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:5])
