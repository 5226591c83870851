use burn::tensor::{Int, Tensor, TensorData};

use super::{Sight, VisionLanguageModel};
use crate::config::ImageTokens;
use crate::image::{Patches, Picture};
use crate::positions::positions;
use crate::text::TextBatch;
use crate::vision::{Grid, ImageRows};
use crate::{Error, Result};

impl VisionLanguageModel {
    /// Scales and cuts pictures for the vision tower.
    ///
    /// # Errors
    /// When the model has none, or a picture is a stripe.
    pub fn look(&self, pictures: &[Picture]) -> Result<Vec<Patches>> {
        if pictures.is_empty() {
            return Ok(vec![]);
        }
        let sight = self.sight()?;
        pictures.iter().map(|picture| Patches::of(picture, &sight.preprocessor, sight.tower.config())).collect()
    }

    /// Tokens of the language model that each picture becomes.
    pub fn image_tokens(&self, pictures: &[Patches]) -> Vec<usize> {
        let merge = self.vision().map_or(1, |tower| tower.config().merge);
        pictures.iter().map(|picture| picture.grid.tokens(merge)).collect()
    }

    /// Rows of ids with what their image tokens show, ready for the language model.
    ///
    /// # Shapes
    /// - `ids`, `is_token`: `[batch, tokens]`
    /// - `pictures`: of all rows, in the order in which they are shown
    ///
    /// # Errors
    /// When rows differ in length, an id is not of the vocabulary, or image tokens are not as many as the pictures have.
    pub fn batch(&self, ids: &[Vec<u32>], is_token: Vec<Vec<bool>>, pictures: &[Patches]) -> Result<TextBatch> {
        let Some(sight) = &self.sight else {
            return if pictures.is_empty() { TextBatch::of_text(&self.language, ids, is_token) } else { Err(blind()) };
        };
        let embeds = self.language.embed(ids)?;
        if ids.len() != is_token.len() || ids.iter().zip(&is_token).any(|(ids, is_token)| ids.len() != is_token.len()) {
            return Err(Error::Input("expected a mask of the size of the ids".into()));
        }
        let grids: Vec<Grid> = pictures.iter().map(|picture| picture.grid).collect();
        let positions = positions(ids, &is_token, &grids, sight.tower.config().merge, sight.tokens)?;
        if pictures.is_empty() {
            return Ok(TextBatch::without_images(embeds, is_token, positions));
        }
        let is_image = |(id, is_token): (&u32, &bool)| *is_token && *id == sight.tokens.image;
        let flags = ids.iter().flatten().zip(is_token.iter().flatten()).map(is_image).collect::<Vec<_>>();
        let ImageRows { tokens, deeper } = self.see(sight, pictures, &grids)?;
        let alone = |rows: Tensor<2>| replaced(embeds.zeros_like(), &flags, rows);
        let deeper = deeper.into_iter().map(alone).collect();
        Ok(TextBatch { embeds: replaced(embeds, &flags, tokens), is_token, positions, deeper })
    }

    /// The tokens of pictures that were looked at, one after the other.
    ///
    /// # Errors
    /// When the model has no vision tower.
    pub fn see_patches(&self, pictures: &[Patches]) -> Result<ImageRows> {
        let grids: Vec<Grid> = pictures.iter().map(|picture| picture.grid).collect();
        self.see(self.sight()?, pictures, &grids)
    }

    /// The tokens that stand for images, and patches along one side of an image token, where there is a vision tower.
    pub fn image_ids(&self) -> Option<(ImageTokens, usize)> {
        self.sight.as_ref().map(|sight| (sight.tokens, sight.tower.config().merge))
    }

    fn see(&self, sight: &Sight, pictures: &[Patches], grids: &[Grid]) -> Result<ImageRows> {
        let values: Vec<f32> = pictures.iter().flat_map(|picture| picture.values.iter().copied()).collect();
        let width = sight.tower.config().patch_values();
        let shape = [values.len() / width, width];
        sight.tower.forward(Tensor::from_data(TensorData::new(values, shape), &self.device), grids)
    }

    fn sight(&self) -> Result<&Sight> {
        self.sight.as_ref().ok_or_else(blind)
    }
}

fn blind() -> Error {
    Error::Input("expected a model that sees, found a language model alone; leave the pictures out".into())
}

/// Embeddings with the flagged ones, in order, taken from `images`. A gradient reaches both.
fn replaced(embeds: Tensor<3>, is_image: &[bool], images: Tensor<2>) -> Tensor<3> {
    let [batch, tokens, width] = embeds.dims();
    let mut next = is_image.len() as i32;
    let sources = is_image.iter().zip(0..).map(|(is_image, place)| {
        next += i32::from(*is_image);
        if *is_image { next - 1 } else { place }
    });
    let sources: Vec<i32> = sources.collect();
    let sources = Tensor::<1, Int>::from_data(sources.as_slice(), &embeds.device());
    let rows = Tensor::cat(vec![embeds.reshape([batch * tokens, width]), images], 0);
    rows.select(0, sources).reshape([batch, tokens, width])
}
