"""A small task for the stand-in: labels, shapes drawn on its frame 4, and how tracks are looked at."""

CAR = {
    "id": 1,
    "name": "car",
    "type": "any",
    "attributes": [
        {"id": 11, "name": "colour", "mutable": False, "input_type": "select", "default_value": "red", "values": ["red"]},
        {"id": 12, "name": "parked", "mutable": True, "input_type": "checkbox", "default_value": "false", "values": []},
    ],
}  # fmt: skip
PERSON = {"id": 2, "name": "person", "type": "polygon", "attributes": []}
BOX = {"type": "rectangle", "frame": 4, "label_id": 1, "points": [8.0, 10.0, 22.0, 24.0]}
POLYGON = {
    "type": "polygon",
    "frame": 4,
    "label_id": 2,
    "points": [40.0, 30.0, 60.0, 30.0, 60.0, 44.0, 40.0, 44.0],
}
MASK = {"type": "mask", "frame": 4, "label_id": 1, "points": [0.0, 60.0, 30.0, 2.0, 39.0, 7.0], "group": 0}
FRAMES = 12


def keyframes(track):
    return {shape["frame"]: None if shape["outside"] else shape["points"] for shape in track["shapes"]}
