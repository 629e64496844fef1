#!/usr/bin/python3
"""Settings of a syncthing that knows one other and asks nobody else: syncthing.py HOME OTHER ADDRESS LISTENS FOLDER GUI"""
import sys
import xml.etree.ElementTree as tree

home, other, address, listens, folder, gui = sys.argv[1:]
config = tree.parse(home + "/config.xml")
root = config.getroot()
own = root.find("device").get("id")
device = tree.SubElement(root, "device", id=other, name="other", compression="never", introducer="false")
tree.SubElement(device, "address").text = address
f = tree.SubElement(root, "folder", id="shared", label="shared", path=folder, type="sendreceive", rescanIntervalS="60",
                    fsWatcherEnabled="true", fsWatcherDelayS="1", ignorePerms="true")
for id in own, other:
    tree.SubElement(f, "device", id=id)
options = root.find("options")
settings = {
    "globalAnnounceEnabled": "false", "localAnnounceEnabled": "false", "relaysEnabled": "false", "natEnabled": "false",
    "startBrowser": "false", "reconnectionIntervalS": "5", "urAccepted": "-1", "crashReportingEnabled": "false",
    "autoUpgradeIntervalH": "0", "stunKeepaliveStartS": "0",
}
for name, value in settings.items():
    for e in options.findall(name):
        options.remove(e)
    tree.SubElement(options, name).text = value
for e in options.findall("listenAddress"):
    options.remove(e)
tree.SubElement(options, "listenAddress").text = listens
root.find("gui/address").text = "127.0.0.1:" + gui
config.write(home + "/config.xml")
