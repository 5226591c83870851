//! How large anything that a user supplies may be. A file beyond a limit is refused before memory is spent on it.

/// Largest file that is read as a whole: JSON documents, PyTorch files and what they unpack to.
///
/// # Units
/// Bytes.
pub const MAX_DOCUMENT_BYTES: u64 = 512 << 20;
/// Largest file that is read row by row: CSV and JSON Lines.
///
/// # Units
/// Bytes.
pub const MAX_TABLE_BYTES: u64 = 4 << 30;
/// Longest row of a CSV or JSON Lines file.
///
/// # Units
/// Bytes.
pub const MAX_ROW_BYTES: u64 = 1 << 20;
/// Largest file that holds one image's annotations: VOC, YOLO, markups.
///
/// # Units
/// Bytes.
pub const MAX_SMALL_FILE_BYTES: u64 = 16 << 20;
/// Most rows, i.e. boxes or images, of one data set.
pub const MAX_ROWS: usize = 5_000_000;
/// Most files of a folder.
pub const MAX_FILES: usize = 1_000_000;
/// Deepest folder below the one that was given.
pub const MAX_FOLDER_DEPTH: usize = 8;
/// Most broken rows that are listed one by one.
pub const MAX_LISTED_ROWS: usize = 10_000;
/// Most text that is copied out of one pickle: its strings can be shared, so a small file could unfold to a large one.
///
/// # Units
/// Bytes.
pub const MAX_PICKLE_TEXT_BYTES: usize = 1 << 30;
/// Most nodes of an XML document.
pub const MAX_XML_NODES: u32 = 1 << 20;
/// Largest image file.
///
/// # Units
/// Bytes.
pub const MAX_IMAGE_BYTES: u64 = 256 << 20;
