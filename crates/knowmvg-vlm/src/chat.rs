//! Conversations as models were trained to read them.
//!
//! `Turn, Turn, .. -> Piece, Piece, ..`
//!
//! All families speak ChatML. What people write stays text: a report that holds `<|im_end|>` does not end a turn.

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// Who asks.
    User,
    /// Who answers.
    Assistant,
}

/// What one speaker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub role: Role,
    /// In order.
    pub parts: Vec<Part>,
}

/// A part of what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The next of the pictures.
    Picture,
    /// Words.
    Text(String),
}

impl Turn {
    /// Words of one who asks.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, parts: vec![Part::Text(text.into())] }
    }

    /// The next picture, then words about it.
    pub fn user_with_picture(text: impl Into<String>) -> Self {
        Self { role: Role::User, parts: vec![Part::Picture, Part::Text(text.into())] }
    }

    /// Instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self { role: Role::System, parts: vec![Part::Text(text.into())] }
    }

    /// Words of one who answers.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, parts: vec![Part::Text(text.into())] }
    }
}

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// One token that no text can spell.
    Special(&'static str),
    /// Words, whatever they look like.
    Text(String),
    /// As many image tokens as the next picture has.
    Picture,
}

/// Whose template is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatStyle {
    /// Qwen2.5-VL.
    Qwen,
    /// Qwen3-VL's instruct models.
    Qwen3,
    /// SmolLM2's instruct models.
    SmolLm2,
}

impl ChatStyle {
    /// What models of this style are told where nobody gives instructions.
    fn default_system(self) -> Option<&'static str> {
        match self {
            Self::Qwen => Some("You are a helpful assistant."),
            Self::Qwen3 => None,
            Self::SmolLm2 => Some("You are a helpful AI assistant named SmolLM, trained by Hugging Face"),
        }
    }

    /// A conversation, open for the assistant's answer.
    ///
    /// # Source
    /// `chat_template.json` of Qwen2.5-VL-3B-Instruct and of Qwen3-VL-4B-Instruct; `tokenizer.chat_template` in the GGUF of SmolLM2-135M-Instruct.
    pub fn prompt(self, turns: &[Turn]) -> Vec<Piece> {
        let mut prompt = Prompt { style: self, pieces: vec![] };
        let has_system = turns.first().is_none_or(|turn| turn.role == Role::System);
        if let (false, Some(system)) = (has_system, self.default_system()) {
            prompt.turn(&Turn::system(system));
        }
        for turn in turns {
            prompt.turn(turn);
        }
        prompt.special(START);
        prompt.text("assistant\n");
        prompt.pieces
    }
}

const START: &str = "<|im_start|>";
const END: &str = "<|im_end|>";

struct Prompt {
    style: ChatStyle,
    pieces: Vec<Piece>,
}

impl Prompt {
    fn turn(&mut self, turn: &Turn) {
        self.special(START);
        self.text(match turn.role {
            Role::System => "system\n",
            Role::User => "user\n",
            Role::Assistant => "assistant\n",
        });
        for part in &turn.parts {
            match part {
                Part::Text(text) => self.text(text),
                // SmolLM2 was trained without pictures: no token of its vocabulary stands around one.
                Part::Picture if self.style == ChatStyle::SmolLm2 => self.pieces.push(Piece::Picture),
                Part::Picture => {
                    self.special("<|vision_start|>");
                    self.pieces.push(Piece::Picture);
                    self.special("<|vision_end|>");
                }
            }
        }
        self.special(END);
        self.text("\n");
    }

    fn special(&mut self, token: &'static str) {
        self.pieces.push(Piece::Special(token));
    }

    /// Neighbouring texts are one: where words are split depends on what stands beside them.
    fn text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }
}
