"""A store elsewhere: objects behind a URL, and a folder of this machine that follows them.

    store = Store.of(settings, "s3://models/prod")      # the folder, brought up to date
    daylight serve                                      # DAYLIGHT_STORE=s3://models/prod: follows it while it runs

The folder is an ordinary store, so nothing that serves models knows of the network. What is current is what the last
receipt says, and a receipt is one object that is only ever created: two changes at once cannot both be the next.

    <url>/<model>/log/00000017.json                     one receipt
    <url>/<model>/versions/3-<12 digits of the manifest's sha256>/<files>
    <url>/<model>/claims/3                              somebody packs version 3
    <url>/<model>/about.json, shadow.json               as in a folder
"""
