"""Scenarios written by a model through NeMo Data Designer, over the covering design of `grid`.

Decisions where Data Designer or the first design of these fixtures left something open:

- The design gives ordered seed rows; Data Designer samples nothing itself, so what is covered
  follows from the seed alone. A row keeps the attributes of its cell whatever the model writes.
- The list of columns has 26 entries: 7 attributes, 3 structured, 3 texts, 6 scores of one judge
  call, 2 embeddings, 3 expressions and 2 validations (and the image columns, given images).
- What is right is never left to the writer: `ground_truth` comes from the cell and its story, and
  what the model claims is kept beside it in `written_ground_truth` and counted.
- A narrative that names none of its story's key points is not valid: the ground truth would be that
  of a story which is not told.
- `reasoning_key_points` is written as text and kept as a list, point by point.
- Data Designer validates JSON schemas but not Pydantic's, and loses whole groups of rows when one
  does not validate; rows are therefore validated here, on the finished row.
- Vectors come from promptreg's embedders, after validation: they need no endpoint, and a row that
  is thrown away costs none.
- Data Designer runs in a process of its own (`worker`). It hangs in a forked one, imports for
  seconds, and reads its settings from the environment when it is imported.
"""

from promptreg_plugins.generators.data_designer.generator import DataDesigner

__all__ = ["DataDesigner"]
