//! What a file says about itself before it is decoded: whatever the decoder would take for something else.

/// Whether a JPEG file has an EXIF block, or why its colours would not be those that are meant. Other damage is for
/// the decoder to find.
///
/// A JPEG file names its channels by markers, if at all. The decoder follows Adobe's: four channels are inks, stored
/// inverted. Without that marker nothing says whether they are.
pub(super) fn check_jpeg(bytes: &[u8]) -> Result<bool, String> {
    let Markers {
        jfif,
        exif,
        adobe,
        channels,
    } = markers(bytes);
    let refuse = |why: &str| Err(format!("{why}; save it as RGB or grey"));
    match (channels.as_deref(), adobe) {
        (None | Some([_]), _) => Ok(exif),
        (Some([_, _, _]), Some(0)) if jfif => {
            refuse("its markers contradict each other about its colours (JFIF: YCbCr, Adobe: RGB)")
        }
        (Some(b"RGB"), None) if !jfif => refuse("it stores RGB without the marker that says so"),
        (Some([_, _, _]), _) | (Some([_, _, _, _]), Some(0 | 2)) => Ok(exif),
        (Some([_, _, _, _]), None) => {
            refuse("it stores four inks (CMYK) without the marker that says whether they are inverted")
        }
        (Some([_, _, _, _]), Some(code)) => refuse(&format!(
            "it has four channels of an unknown kind (Adobe's code {code})"
        )),
        (Some(other), _) => refuse(&format!("it has {} channels", other.len())),
    }
}

/// Whether a PNG file has an EXIF block before its pixels, or why it is not one picture.
pub(super) fn check_png(bytes: &[u8]) -> Result<bool, String> {
    let mut exif = false;
    let mut rest = bytes.get(8..).unwrap_or_default();
    // Length, kind, content, checksum.
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        match &head[4..] {
            b"IDAT" => break,
            b"eXIf" => exif = true,
            b"acTL" => {
                let frames = after
                    .first_chunk()
                    .map_or(0, |frames| u32::from_be_bytes(*frames));
                if frames > 1 {
                    return Err(format!(
                        "it is animated ({frames} frames); save the frame that is meant as a file of its own"
                    ));
                }
            }
            _ => {}
        }
        rest = after.get(length.saturating_add(4)..).unwrap_or_default();
    }
    Ok(exif)
}

#[derive(Default)]
struct Markers {
    jfif: bool,
    exif: bool,
    /// The code of Adobe's marker for the transform of colours.
    adobe: Option<u8>,
    /// Names of the channels.
    channels: Option<Vec<u8>>,
}

/// What stands before the first scan.
fn markers(bytes: &[u8]) -> Markers {
    let mut markers = Markers::default();
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xFF, kind, after @ ..] = rest {
        let kind = *kind;
        // Any number of fill bytes may stand before a marker, and a few markers have no content.
        if kind == 0xFF {
            rest = &rest[1..];
            continue;
        }
        if kind == 0x01 || (0xD0..=0xD7).contains(&kind) {
            rest = after;
            continue;
        }
        let Some((length, after)) = after.split_first_chunk() else {
            return markers;
        };
        let length = usize::from(u16::from_be_bytes(*length)).saturating_sub(2);
        let Some((content, after)) = after.split_at_checked(length) else {
            return markers;
        };
        match kind {
            0xDA | 0xD9 => return markers,
            0xE0 if content.starts_with(b"JFIF\0") => markers.jfif = true,
            0xE1 if content.starts_with(b"Exif\0") => markers.exif = true,
            0xEE if content.starts_with(b"Adobe") => markers.adobe = content.get(11).copied(),
            // Start of frame: precision, height, width, channels, three bytes for each. C4, C8, CC are others.
            0xC0..=0xCF if ![0xC4, 0xC8, 0xCC].contains(&kind) => {
                let table = content.get(6..).unwrap_or_default();
                markers.channels = Some(table.chunks_exact(3).map(|channel| channel[0]).collect());
            }
            _ => {}
        }
        rest = after;
    }
    markers
}
