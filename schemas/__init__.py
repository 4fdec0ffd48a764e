"""What a record is: dataclasses, their ids, their bytes and their tables. No I/O and no Beam in this folder."""
