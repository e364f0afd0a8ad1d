//! Google's formats: the Generative Language API and the same models on Vertex.
//!
//! One file each for where operations live, and for the three kinds of answers.

mod embed;
mod generate;
mod interactions;
mod route;

pub(super) use embed::{ASKED as EMBED_ASKED, Embed};
pub(super) use generate::{ASKED, Generate, Live};
pub(super) use interactions::{ASKED as INTERACTIONS_ASKED, Interactions};
pub(super) use route::route;

use super::answer::{Block, Item, List, Row};
use crate::usage::Figure;

/// A figure of `[{modality, tokenCount}]`.
const SHARE: &[(&str, Item)] = &[("tokenCount", Item::Part(Figure::InputTotal))];

/// Adds the shares of modalities to the figures. Two entries of one modality add up.
fn add_shares(rows: &[Row], block: &mut Block) {
    let mut shares = Block::default();
    for row in rows {
        if row.block.flaws() > 0 {
            block.flaw();
            continue;
        }
        let n = row.block.parts.count(Figure::InputTotal);
        if let Some(figure) = row.list.and_then(|list| share(list, &row.kind)) {
            shares.add_part(figure, n);
        }
    }
    block.overlay(&shares, super::answer::later);
}

/// The figure for the share of a modality.
fn share(list: List, modality: &str) -> Option<Figure> {
    let modality = modality.to_ascii_uppercase();
    Some(match (list, modality.as_str()) {
        (List::InputShares, "AUDIO") => Figure::AudioInput,
        (List::InputShares, "IMAGE") => Figure::ImageInput,
        (List::InputShares, "VIDEO") => Figure::VideoInput,
        (List::InputShares, "DOCUMENT") => Figure::DocumentInput,
        (List::CachedShares, "TEXT") => Figure::CachedText,
        (List::CachedShares, "AUDIO") => Figure::CachedAudio,
        (List::CachedShares, "IMAGE") => Figure::CachedImage,
        (List::OutputShares, "AUDIO") => Figure::AudioOutput,
        (List::OutputShares, "IMAGE") => Figure::ImageOutput,
        _ => return None,
    })
}
